"""The contract of resources, `tests/api/contract.py`, as test classes of a project use it."""

import re
from collections.abc import Callable

from tests.harness.project import Project

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
OWN_TEST = """
import httpx

from tests.api.contract import assert_problem


def test_ok_is_a_problem() -> None:
    assert_problem(httpx.Response(200), 404)
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
