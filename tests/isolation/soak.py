"""Thousands of tests in one process, in random order: `pytest tests/isolation/soak.py`."""

import json
from pathlib import Path

from tests.harness.project import Project


def test_nothing_leaks_or_grows(probe: Project, tmp_path: Path) -> None:
    samples = tmp_path / "samples.json"
    probe.run("pytest", "tests/soak", "--quiet", SAMPLES=str(samples))
    durations, (early, late) = json.loads(samples.read_text())
    assert len(durations) == 5000
    assert late < early * 1.05
