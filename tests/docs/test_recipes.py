"""The recipes work as they are written: together in one service, and each of them alone."""

import re
from pathlib import Path

import pytest

from tests.docs.commands import blocks
from tests.docs.own_code import write_block
from tests.docs.recipes import (
    FOLDER,
    RECIPES,
    WITH_TENANTS,
    changes_for_tenants,
    files_of_tests,
    follow,
)
from tests.harness.project import MIGRATIONS, Project, render
from tests.harness.service import database
from tests.harness.shared import once
from tests.harness.template import commit, git
from tests.harness.thorough import THOROUGH, usually

FAILS = FOLDER / "debugging-tests.md"
"""It has a test that is to fail."""

WITH_USERS = [FOLDER / "openid-connect.md", FOLDER / "passkeys.md"]
"""They need the feature auth."""

MAX_LINES = 80
"""Of a page: about a screen."""

LONGER = [*WITH_USERS, FOLDER / "soft-deletion.md"]
"""A login is a whole protocol, and deletion concerns every part of a resource."""

PASSING = [recipe for recipe in RECIPES if recipe not in (FAILS, *WITH_USERS)]
DIFFERENT_WITH_TENANTS = [recipe for recipe in PASSING if changes_for_tenants(recipe)]
WAYS = {"in the sandbox": (), "with real commits": ("--db=committed",)}


def with_recipes(recipes: list[Path], original: Project, target: Path) -> Project:
    """A copy of a project, in an environment of its own, in which the recipes are followed."""
    git(target.parent, "clone", "--quiet", str(original.path), str(target))
    return follow_all(recipes, Project(target).install(like=original))


def follow_all(recipes: list[Path], project: Project, *, with_tenants: bool = False) -> Project:
    with database(project) as url:
        for recipe in recipes:
            commit(project.path, "Before a recipe")  # the commands for resources require it
            follow(recipe, project, url, with_tenants=with_tenants)
    project.run("ruff", "check", "--select", "I", "--fix")
    return project


def check(project: Project, original: Project) -> None:
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    project.run("mypy", MYPY_CACHE_DIR=original.mypy_cache())
    project.run("lint-imports")


def test_each_is_a_screen_long_with_few_exceptions() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in RECIPES if path not in LONGER}
    assert [path.name for path in lines if lines[path] > MAX_LINES] == []


@pytest.fixture(scope="session")
def service(shared: Path, default_project: Project) -> Project:
    """A service with all recipes."""

    def build(target: Path) -> None:
        with_recipes(PASSING, default_project, target)

    return Project(once(shared / "recipes", build))


def test_together_they_are_clean(service: Project, default_project: Project) -> None:
    check(service, default_project)


@pytest.mark.parametrize("way", usually(WAYS, 1))
def test_together_they_pass(service: Project, way: str) -> None:
    theirs = [MIGRATIONS, *(path for recipe in PASSING for path in files_of_tests(recipe))]
    service.pytest(*WAYS[way], *([] if THOROUGH else theirs))


@pytest.fixture(scope="session")
def service_with_users(shared: Path, template: Path, default_project: Project) -> Project:
    """A service with all recipes that need users."""

    def build(target: Path) -> None:
        project = render(template, target, {"features": ["auth"]})
        follow_all(WITH_USERS, project.install(like=default_project))

    return Project(once(shared / "recipes with users", build))


@pytest.mark.thorough  # the tests below run this code
def test_those_with_users_are_clean(service_with_users: Project, default_project: Project) -> None:
    check(service_with_users, default_project)


@pytest.mark.parametrize("way", usually(WAYS, 1))
def test_those_with_users_pass(service_with_users: Project, way: str) -> None:
    theirs = [path for recipe in WITH_USERS for path in files_of_tests(recipe)]
    chosen = [] if THOROUGH else [MIGRATIONS, "tests/auth/test_logins.py", *theirs]
    service_with_users.pytest(*WAYS[way], *chosen)


@pytest.fixture(scope="session")
def service_with_tenants(shared: Path, template: Path, default_project: Project) -> Project:
    """A service with tenants, and with the recipes that differ there."""

    def build(target: Path) -> None:
        project = render(template, target, {"features": ["tenancy"]}).install(like=default_project)
        (conftest, *_) = blocks(WITH_TENANTS.with_name("tenancy.md").read_text(), "python")
        write_block(conftest, project.path)
        follow_all(PASSING if THOROUGH else DIFFERENT_WITH_TENANTS, project, with_tenants=True)

    return Project(once(shared / "recipes with tenants", build))


def test_each_section_for_tenants_names_a_recipe() -> None:
    headings = re.findall(r"^## .*?\((.*)\)$", WITH_TENANTS.read_text(), re.MULTILINE)
    assert sorted(Path(link).name for link in headings) == [
        one.name for one in DIFFERENT_WITH_TENANTS
    ]


@pytest.mark.thorough  # the tests below run these lines
def test_those_with_tenants_are_clean(
    service_with_tenants: Project, default_project: Project
) -> None:
    check(service_with_tenants, default_project)


@pytest.mark.parametrize("way", usually(WAYS, 1))
def test_those_with_tenants_pass(service_with_tenants: Project, way: str) -> None:
    theirs = [path for recipe in DIFFERENT_WITH_TENANTS for path in files_of_tests(recipe)]
    chosen = [] if THOROUGH else [MIGRATIONS, "tests/tenancy/test_models.py", *theirs]
    service_with_tenants.pytest(*WAYS[way], *chosen)


@pytest.mark.thorough  # together they show nearly the same
@pytest.mark.parametrize("recipe", PASSING, ids=lambda recipe: recipe.stem)
def test_each_works_alone(recipe: Path, default_project: Project, tmp_path: Path) -> None:
    project = with_recipes([recipe], default_project, tmp_path / "service")
    check(project, default_project)
    for way in WAYS.values():
        project.pytest(*way)


def test_a_failed_test_can_be_debugged(own_project: Project) -> None:
    output = follow(FAILS, own_project, "")
    assert "client -- tests/fixtures/client.py" in output
    assert "SETUP    F client" in output
    assert re.search(r"^ lamp \| 99\.00$", output, re.MULTILINE)
    [keep] = re.findall(r"rm (.*/keep)$", output, re.MULTILINE)
    Path(keep).unlink()  # as the summary of the run says
