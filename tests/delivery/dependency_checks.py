"""Every set of answers, and all features, with the dependencies that users may get: `nox -s smoke`.

Not a part of the other tests, which meet today's releases anyway.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.answers import ANSWERS, FEATURES
from tests.harness.project import UV, Copy, Project, environment, render

OPTIONS = {
    "newest": [],
    # What pyproject.toml allows; of what those need in turn, the newest.
    "lowest": ["--resolution=lowest-direct"],
    "prerelease": [f"--prerelease-package={name}=allow" for name in ("fastapi", "sqlalchemy")],
}
DEPENDENCIES = os.environ["DEPENDENCIES"]


@pytest.mark.parametrize("answers", ANSWERS)
def test_the_suite_passes(rendered: Callable[[str], Project], copy: Copy, answers: str) -> None:
    passes(copy(rendered(answers)).with_own_venv())


def test_the_suite_passes_with_all_features(template: Path, tmp_path: Path) -> None:
    passes(render(template, tmp_path / "service", {"features": FEATURES}))


def passes(project: Project) -> None:
    lock = (UV, "lock", "--upgrade", *OPTIONS[DEPENDENCIES])
    subprocess.run(lock, cwd=project.path, env=environment(), check=True)
    assert " passed" in project.run("pytest", "-n", "2", UV_FROZEN="1")
