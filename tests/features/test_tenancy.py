"""What the feature tenancy does to a service, and a service of it."""

from pathlib import Path

import pytest

from tests.features.conftest import FEATURED, Featured
from tests.grammar.macros import feature_problem, problem
from tests.harness.project import Copy, Project, render
from tests.harness.service import database
from tests.harness.updates import replace
from tests.project.test_suite import assert_all_passed

ENABLING = '    op.execute(\n        "ALTER TABLE items ENABLE ROW LEVEL SECURITY",\n    )\n'


@pytest.fixture
def tenants(featured: Featured, copy: Copy) -> Project:
    """A project whose resources refer to one another, for a test to change."""
    return copy(featured("tenants"))


def test_autogenerate_gives_the_tables_of_a_service_to_tenants(
    template: Path, tmp_path: Path, default_project: Project
) -> None:
    answers = FEATURED["tenants"] | {"features": []}
    project = Project(render(template, tmp_path / "service", answers).path, default_project.venv)
    said = project.run("feature", "add", "tenancy")
    assert said.startswith("Added tenancy. Create the migration, review it, and run the tests:")
    assert "All resources require a tenant now" in said
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        message = ("--message", "add tenancy")
        project.alembic("revision", "--autogenerate", *message, DATABASE_URL=url)
        for verb, revision in (("upgrade", "head"), ("downgrade", "-1"), ("upgrade", "head")):
            project.alembic(verb, revision, DATABASE_URL=url)
        project.alembic("check", DATABASE_URL=url)
    project.run("ruff", "check")
    assert_all_passed(project.pytest())


def test_a_missing_policy_ends_the_run_of_the_tests(tenants: Project) -> None:
    replace(tenants.path, {"migrations/versions/0001_initial.py": (ENABLING, "")})
    said = tenants.pytest("tests/tenancy", code=None)
    assert "no migration that would\n  limit rows of items\n" in said


def test_a_missing_role_ends_the_run_of_the_tests(tenants: Project) -> None:
    migration = tenants.path / "migrations" / "versions" / "0001_initial.py"
    text = migration.read_text()
    migration.write_text(text.replace("ALTER DEFAULT PRIVILEGES", "-- ALTER DEFAULT PRIVILEGES"))
    said = tenants.pytest("tests/tenancy", code=None)
    assert "no migration that would\n  give rights to my_service_tenant\n" in said


@pytest.mark.parametrize(
    ("file", "old", "new", "failing"),
    [
        # The engine is not held to tenants.
        (
            "app/features.py",
            "    hold_to_tenants,\n",
            "",
            "test_without_a_tenant_there_are_no_rows",
        ),
        # A unique value is so for all tenants.
        (
            "app/resources/item/models.py",
            'sa.UniqueConstraint(\n            "tenant_id",\n            "name",',
            'sa.UniqueConstraint(\n            "name",',
            "test_whatever_is_unique_is_so_for_a_tenant",
        ),
    ],
)
def test_a_hole_is_found(tenants: Project, file: str, old: str, new: str, failing: str) -> None:
    replace(tenants.path, {file: (old, new)})
    said = tenants.pytest("tests/tenancy", "-k", failing, code=1)
    assert "FAILED tests/tenancy/" in said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("tenant name:str", "Resource 'tenant': 'tenant' is a name that the feature 'tenancy' has"),
        ("note tenant_id:int", "Field 'tenant_id' of 'note': the feature 'tenancy' adds a column"),
        ("note tenant:ref(item)", "Field 'tenant' of 'note': the feature 'tenancy' adds a column"),
    ],
)
def test_names_of_the_feature_are_taken_with_it(line: str, sentence: str) -> None:
    assert feature_problem({"item": "name:str"}, line, ["tenancy"]).startswith(sentence)


def test_names_of_the_feature_are_free_without_it() -> None:
    for line in ("tenant name:str", "note tenant_id:int"):
        assert problem({}, line) == ""
