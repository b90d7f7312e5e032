"""The modules behind a rendered project's databases, tested in such a project."""

import shutil
from pathlib import Path

import pytest

from tests.harness.project import Project
from tests.harness.shared import once
from tests.harness.template import git

OVERLAY = Path(__file__).with_name("overlay")


@pytest.fixture(scope="session")
def workshop(shared: Path, default_project: Project) -> Project:
    """A project that has the tests of `overlay/` among its own."""

    def build(target: Path) -> None:
        git(shared, "clone", "--quiet", str(default_project.path), str(target))
        shutil.copytree(OVERLAY, target, dirs_exist_ok=True)

    return Project(once(shared / "workshop", build), default_project.venv)


@pytest.mark.parametrize("name", sorted(path.name for path in OVERLAY.rglob("test_*.py")))
def test_modules_work_in_a_rendered_project(workshop: Project, name: str) -> None:
    workshop.pytest(f"tests/databases/{name}")
