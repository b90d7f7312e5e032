"""A rendered project in which the probe takes the place of the resources.

`overlay/` holds what is laid over it: a service that does everything to its database, and the tests
of the sandbox, which are the project's own tests here.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.project import Project
from tests.harness.shared import once
from tests.harness.template import commit, git
from tests.isolation.expectations import Outcomes
from tests.isolation.runs import run_leaks

OVERLAY = Path(__file__).parent / "overlay"


@pytest.fixture(scope="session")
def probe(shared: Path, rendered: Callable[[str], Project]) -> Project:
    """The project. Tests may run it but must not change it."""
    original = rendered("no_resource")

    def build(target: Path) -> None:
        git(shared, "clone", "--quiet", str(original.path), str(target))
        Project(target).borrow_bytecode(original)
        shutil.copytree(OVERLAY, target, dirs_exist_ok=True)
        commit(target, "Lay the probe over it")

    return Project(once(shared / "probe", build), original.venv)


@pytest.fixture(scope="session")
def leaks(probe: Project, shared: Path) -> Outcomes:
    def run(target: Path) -> None:
        target.write_text(json.dumps(run_leaks(probe)))

    outcomes: Outcomes = json.loads(once(shared / "leaks.json", run).read_text())
    return outcomes
