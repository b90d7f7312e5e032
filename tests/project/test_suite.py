"""A rendered project's own tests, on the PostgreSQL that comes with it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.answers import ANSWERS
from tests.harness.project import Project
from tests.harness.pythons import versions
from tests.harness.thorough import fewer, usually

ALONE = ["every_field_type", "awkward", "related", "default", "no_resource"]
ON_TWO_WORKERS = ["default", "every_field_type", "related", "awkward", "no_resource"]
assert set(ALONE) == set(ON_TWO_WORKERS) == set(ANSWERS)

WITHOUT_REPETITIONS = "--ignore=tests/api/test_plains.py --ignore=tests/api/test_indexeds.py"
"""Other resources of `every_field_type` have fields of the same types with more marks."""


def summary(output: str) -> dict[str, int]:
    """pytest's last line as counts, for example {"passed": 28}."""
    counts, _, _ = output.rstrip().splitlines()[-1].partition(" in ")
    return {what: int(count) for count, what in re.findall(r"(\d+) (\w+)", counts)}


def assert_all_passed(output: str) -> None:
    assert set(summary(output)) == {"passed"}, output


@pytest.mark.parametrize("name", usually(ALONE, 1))
def test_its_suite_passes(rendered: Callable[[str], Project], name: str) -> None:
    project = rendered(name)
    before = project.changes()
    assert_all_passed(project.run("pytest", code=0, **fewer(WITHOUT_REPETITIONS)))
    assert project.changes() == before


@pytest.mark.parametrize("name", usually(ON_TWO_WORKERS, 1))
def test_its_suite_passes_on_two_workers(rendered: Callable[[str], Project], name: str) -> None:
    assert_all_passed(rendered(name).run("pytest", "-n", "2"))


OWN_CONFTEST = """
import pytest
from httpx import AsyncClient

from tests.factories import ItemFactory
from tests.fixtures import plugins as pytest_plugins
{imports}

__all__ = ["pytest_plugins"]


@pytest.fixture
def client(client: AsyncClient) -> AsyncClient:
    return client
"""


def test_the_own_conftest_may_import_from_every_module_of_fixtures(own_project: Project) -> None:
    tests = own_project.path / "tests"
    modules = sorted(path.stem for path in (tests / "fixtures").glob("[a-z]*.py"))
    imports = "\n".join(f"import tests.fixtures.{module}" for module in modules)
    (tests / "conftest.py").write_text(OWN_CONFTEST.format(imports=imports))
    assert_all_passed(own_project.pytest("tests/api/test_health.py"))


@pytest.mark.thorough
def test_its_suite_reaches_the_coverage_without_a_resource(
    rendered: Callable[[str], Project],
) -> None:
    output = rendered("no_resource").run("pytest", "--cov")
    assert "Required test coverage" in output
    assert_all_passed(output)


@pytest.mark.thorough  # ruff and mypy check the code for the oldest of them
@pytest.mark.parametrize("version", versions())
def test_its_suite_passes_on_every_python_of_this_machine(
    default_project: Project, environment_of: Callable[[str], Path], version: str
) -> None:
    project = Project(default_project.path, environment_of(version))
    assert f"Python {version}." in project.run("python", "--version")
    assert_all_passed(project.run("pytest"))


def test_it_collects_at_least_25_tests_named_after_behaviours(default_project: Project) -> None:
    collected = project_tests(default_project)
    assert len(collected) >= 25
    assert [name for name in collected if name.count("_") < 3] == []


def project_tests(project: Project) -> list[str]:
    output = project.pytest("--collect-only", "--quiet")
    return re.findall(r"::(test_\w+)", output)
