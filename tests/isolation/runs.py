"""Runs of the probe's tests."""

import json
import tempfile
from pathlib import Path

from tests.harness.project import Project
from tests.isolation.expectations import Outcomes


def run_leaks(project: Project, **variables: str) -> Outcomes:
    """The outcomes of the tests that leak."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "outcomes.json"
        project.pytest("tests/leaks", "-p", "no:randomly", code=1, OUTCOMES=str(found), **variables)
        outcomes: Outcomes = json.loads(found.read_text())
    return outcomes
