"""Projects as their users would have them in CI: with a lock file, and on an image's Python."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.project import UV, Copy, Project, render, run
from tests.harness.shared import once
from tests.harness.template import commit
from tests.harness.updates import replace

# The only Python that a machine without access to others is sure to have.
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

Deliver = Callable[[str], Project]
Change = Callable[[Project, str, str, str], Project]


@pytest.fixture(scope="session")
def deliver(shared: Path, template: Path, default_project: Project) -> Deliver:
    """The project of a CI provider, locked. Tests may run it but must not change it."""

    def deliver(ci: str) -> Project:
        def build(target: Path) -> None:
            answers: dict[str, object] = {"ci": ci, "python_version": PYTHON_VERSION}
            render(template, target, answers)
            run(UV, "lock", "--quiet", cwd=target)
            commit(target, "Lock")

        return Project(once(shared / f"ci {ci}", build), default_project.venv)

    return deliver


@pytest.fixture(scope="session")
def service(deliver: Deliver) -> Project:
    return deliver("github")


@pytest.fixture
def change(copy: Copy) -> Change:
    """A copy of a project in which a text of a file is replaced by another."""

    def change(project: Project, file: str, old: str, new: str) -> Project:
        changed = copy(project)
        replace(changed.path, {file: (old, new)})
        commit(changed.path, "Change")
        return changed

    return change
