"""Thousands of tests in one process, in random order: `nox -s soak`."""

import json
from pathlib import Path
from statistics import median
from typing import Any

from tests.harness.project import Project


def run(probe: Project, tests: str, folder: Path) -> dict[str, Any]:
    samples = folder / f"{tests}.json"
    probe.pytest(f"tests/soak/test_{tests}.py", "--quiet", SAMPLES=str(samples))
    found: dict[str, Any] = json.loads(samples.read_text())
    return found


def growth(hostile: dict[str, int], idle: dict[str, int]) -> float:
    """How much more it grew than in the idle run, relative to its early size."""
    own, pytests = (sizes["late"] - sizes["early"] for sizes in (hostile, idle))
    return (own - pytests) / hostile["early"]


def test_nothing_leaks_or_grows(probe: Project, tmp_path: Path) -> None:
    """Each hostile test begins with an empty database, so that none of them can leak unnoticed.

    pytest keeps its reports and finalizers of every test, so a run of tests that do nothing says
    how much of the growth is its own.
    """
    hostile, idle = run(probe, "hostile", tmp_path), run(probe, "idle", tmp_path)
    durations = hostile["durations"]
    memory = growth(hostile["memory"], idle["memory"])
    objects = growth(hostile["objects"], idle["objects"])
    drift = median(durations[-1000:]) / median(durations[:1000])
    print(
        f"\n{len(durations)} tests; growth beyond pytest's own from the 1,000th to the last: "
        f"memory {memory:+.1%}, live objects {objects:+.1%}; "
        f"time of the last 1,000 / the first {drift:.2f}"
    )
    assert len(durations) == 5000
    assert memory < 0.05
    assert objects < 0.01
