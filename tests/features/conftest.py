"""Projects with features, in an environment of their own: each feature has dependencies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.project import Project, render
from tests.harness.shared import once

Featured = Callable[[str], Project]
"""A project with these features, such as "mail". Tests may run it but must not change it."""


@pytest.fixture(scope="session")
def featured(shared: Path, template: Path, default_project: Project) -> Featured:
    def build(target: Path) -> None:
        answers: dict[str, object] = {"features": target.name.removeprefix("with ").split()}
        render(template, target, answers).run("true")

    return lambda features: Project(once(shared / f"with {features}", build))
