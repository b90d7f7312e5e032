"""A project with features passes its own tests and all checks."""

import pytest

from tests.features.conftest import Featured
from tests.harness.project import Project
from tests.project.test_suite import assert_all_passed

SETS = ["mail"]


@pytest.mark.parametrize("features", SETS)
def test_its_checks_find_nothing(
    featured: Featured, default_project: Project, features: str
) -> None:
    project = featured(features)
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    project.run("mypy", MYPY_CACHE_DIR=default_project.variables()["MYPY_CACHE_DIR"])
    assert "0 broken" in project.run("lint-imports")


@pytest.mark.parametrize("way", ["sandbox", "committed"])
@pytest.mark.parametrize("features", SETS)
def test_its_suite_passes(featured: Featured, features: str, way: str) -> None:
    assert_all_passed(featured(features).run("pytest", f"--db={way}"))


@pytest.mark.parametrize("features", SETS)
def test_its_suite_reaches_the_coverage(featured: Featured, features: str) -> None:
    output = featured(features).run("pytest", "--cov")
    assert "Required test coverage" in output
