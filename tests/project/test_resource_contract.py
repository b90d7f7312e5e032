"""The contract of resources, `tests/api/contract.py`, as test classes of a project use it."""

import re
from collections.abc import Callable

import pytest

from tests.harness.project import Project
from tests.harness.updates import replace
from tests.project.test_suite import assert_all_passed

OWN_CLASSES = """
from tests import factories
from tests.api.contract import ResourceContract


class Shared(ResourceContract):
    async def test_list_is_empty_at_first(self) -> None:
        assert self.path


class TestOneField(Shared):
    path = "/items"
    factory = factories.ItemFactory
    values = {"name": ("a", "b")}
    required = ("name",)
    test_delete_of_an_unknown_id_is_404 = None

    async def test_create_with_a_duplicate_value_is_409(self) -> None:
        assert self.required


class TestTwoFields(TestOneField):
    values = {"name": ("a", "b"), "note": ("a", "b")}
    invalid = {"name": ["x" * 101, "x" * 102]}
    nullable = ("note",)
    unique = ("name",)
    sortable = ("name", "note")
"""
LEFT_OUT = "test_delete_of_an_unknown_id_is_404"
OWN_TEST = """
import httpx

from tests.api.contract import assert_problem


def test_ok_is_a_problem() -> None:
    assert_problem(httpx.Response(200), 404)
"""

OWN_PROPERTY = """
    @property
    def label(self) -> str:
        return f"{self.name} for {self.price}"
"""
FILL = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO authors (name) VALUES ('Ada'), ('Bea')")
    op.execute("INSERT INTO books (title, author_id) SELECT 'A title', id FROM authors")
    op.execute(
        "INSERT INTO book_critics (book_id, critics_id) "
        "SELECT books.id, authors.id FROM books, authors WHERE authors.name = 'Ada'"
    )


def downgrade() -> None:
    op.execute("DELETE FROM books")
    op.execute("DELETE FROM authors")
"""
STARTUP = """
            async with app.state.engine.begin() as connection:
                sql = "INSERT INTO authors (name) VALUES ('Ada'), ('Bea')"
                await connection.exec_driver_sql(sql)
"""
OWN_TEST_OF_THE_ROWS = """
    async def test_the_first_authors_are_there(self, client: AsyncClient) -> None:
        page = (await client.get(self.path)).json()
        assert [author["name"] for author in page["items"]] == ["Ada", "Bea"]
"""

FIELDS = {
    "test_create_fills_in_defaults": ([], ["note"]),
    "test_create_without_a_required_field_is_422": (["name"], ["name"]),
    "test_create_with_an_invalid_value_is_422": ([], ["name-0", "name-1"]),
    "test_create_with_a_duplicate_value_is_409": ([""], [""]),
    "test_create_with_a_dangling_reference_is_409": ([], []),
    "test_get_of_an_unknown_id_is_404": ([""], [""]),
    "test_list_is_empty_at_first": ([""], [""]),
    "test_list_sorts_by_a_field_in_both_directions": ([], ["name", "note"]),
    "test_list_sorts_rows_without_a_value_last": ([], ["note"]),
    "test_list_filters_by_a_field": ([], []),
    "test_nested_list_of_an_unknown_id_is_404": ([], []),
    "test_patch_changes_only_that_field": (["name"], ["name", "note"]),
    "test_patch_sets_a_nullable_field_to_null": ([], ["note"]),
    "test_patch_with_an_invalid_value_is_422": ([], ["name-0", "name-1"]),
    "test_patch_to_a_duplicate_value_is_409": ([], ["name"]),
    "test_delete_of_an_unknown_id_is_404": ([], []),
}
"""The fields that a test runs for in each of both classes; "" for a test without a field."""


def test_a_class_gets_the_tests_that_apply_to_it_once_per_field(
    default_project: Project, copy: Callable[[Project], Project]
) -> None:
    project = copy(default_project)
    (project.path / "tests/api/test_own.py").write_text(OWN_CLASSES)
    output = project.pytest("--collect-only", "--quiet", "tests/api/test_own.py")
    for test, expected in FIELDS.items():
        assert fields(output, test) == expected, test


def test_a_test_can_be_left_out_as_the_guide_says(
    default_project: Project, copy: Callable[[Project], Project]
) -> None:
    project = copy(default_project)
    way = re.findall(r"`(test_NAME.*)`", (project.path / "tests" / "README.md").read_text())
    path = project.path / "tests" / "api" / "test_items.py"
    line = way[0].replace("test_NAME", LEFT_OUT)
    path.write_text(f"from typing import Any\n\n{path.read_text()}\n    {line}\n")
    project.run("mypy", "tests/api/test_items.py")
    project.run("ruff", "check", "tests/api/test_items.py")
    assert LEFT_OUT not in project.pytest("--collect-only", "--quiet", "tests/api/test_items.py")


def fields(output: str, test: str) -> tuple[list[str], ...]:
    """The fields that a test was collected for, in each of both classes."""
    return tuple(
        sorted(re.findall(rf"::{name}::{test}(?:\[(\w+(?:-\d)?).*\])?$", output, re.MULTILINE))
        for name in ("TestOneField", "TestTwoFields")
    )


def test_a_failed_assert_of_the_contract_shows_both_values(
    default_project: Project, copy: Callable[[Project], Project]
) -> None:
    project = copy(default_project)
    (project.path / "tests/api/test_own.py").write_text(OWN_TEST)
    assert "assert 200 == 404" in project.pytest("tests/api/test_own.py", code=1)


def test_fields_of_the_users_own_may_follow_from_others(
    default_project: Project, copy: Callable[[Project], Project]
) -> None:
    project = copy(default_project)
    folder = project.path / "app" / "resources" / "item"
    models = folder / "models.py"
    models.write_text(models.read_text() + OWN_PROPERTY)
    marker = "    # Your own fields of ItemRead go below this line.\n"
    replace(folder, {"schemas.py": (marker, f"{marker}    label: str\n")})
    assert_all_passed(project.pytest("tests/api/test_items.py"))


@pytest.mark.parametrize("filled_by", ["a migration", "the startup"])
def test_a_class_tests_a_resource_that_has_rows_from_the_beginning(
    rendered: Callable[[str], Project], copy: Callable[[Project], Project], filled_by: str
) -> None:
    project = copy(rendered("related"))
    if filled_by == "a migration":
        (project.path / "migrations" / "versions" / "0002_fill.py").write_text(FILL)
    else:
        marker = "            # Your own startup and shutdown go below this line.\n"
        replace(project.path / "app", {"main.py": (marker, marker + STARTUP)})
    test = project.path / "tests" / "api" / "test_authors.py"
    imports = "from httpx import AsyncClient\n\n"
    test.write_text(imports + test.read_text() + OWN_TEST_OF_THE_ROWS)
    assert_all_passed(project.pytest("tests/api/test_authors.py"))
