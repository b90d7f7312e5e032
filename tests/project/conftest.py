"""A project for tests of size."""

from pathlib import Path

import pytest

from tests.harness.large_service import resources
from tests.harness.project import Project, render
from tests.harness.shared import once


@pytest.fixture(scope="session")
def large_project(shared: Path, template: Path, default_project: Project) -> Project:
    def build(target: Path) -> None:
        render(template, target, {"resource": "", "resources": resources()})

    return Project(once(shared / "large", build), default_project.venv)
