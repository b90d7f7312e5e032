"""A project with features passes its own tests and all checks."""

import pytest

from tests.features.conftest import FEATURED, PAIRS, Featured
from tests.harness.project import Project
from tests.harness.thorough import usually
from tests.project.test_suite import assert_all_passed

SETS = [
    "tenants with owners",
    "tenants",
    "owners",
    "mail",
    "jobs",
    "auth",
    "mail by jobs",
    "realtime with users",
    "realtime",
    "tenants with jobs",
    *PAIRS,
]
assert set(SETS) == set(FEATURED)

WAYS = {
    "sandbox": (),
    "committed": ("--db=committed",),
    "two workers": ("-n", "2"),
}


@pytest.mark.parametrize("name", usually(SETS, 1))
def test_its_checks_find_nothing(featured: Featured, default_project: Project, name: str) -> None:
    project = featured(name)
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    project.run("mypy", MYPY_CACHE_DIR=default_project.mypy_cache())
    assert "0 broken" in project.run("lint-imports")


@pytest.mark.parametrize("way", usually([*WAYS], 1))
@pytest.mark.parametrize("name", usually(SETS, 1))
def test_its_suite_passes(featured: Featured, name: str, way: str) -> None:
    assert_all_passed(featured(name).pytest(*WAYS[way]))


@pytest.mark.thorough
@pytest.mark.parametrize("name", SETS)
def test_its_suite_reaches_the_coverage(featured: Featured, name: str) -> None:
    assert "Required test coverage" in featured(name).run("pytest", "--cov")
