"""Thousands of tests in one process, in random order, a tenth of them hostile."""

import json
import statistics
from pathlib import Path

from tests.harness.project import Project


def test_nothing_leaks_grows_or_slows_down(probe: Project, tmp_path: Path) -> None:
    samples = tmp_path / "samples.json"
    probe.run("pytest", "tests/soak", "--quiet", SAMPLES=str(samples))
    durations, (early, late) = json.loads(samples.read_text())
    assert len(durations) == 5000
    assert late < early * 1.05
    tenth = len(durations) // 10
    first, last = durations[tenth : 2 * tenth], durations[-tenth:]
    # The machine may be busier at one time than at another; a drift would be without limit.
    assert min_of_medians(last) < min_of_medians(first) * 1.5


def min_of_medians(durations: list[float]) -> float:
    """The median of the quietest stretch."""
    return min(
        statistics.median(durations[start : start + 50]) for start in range(0, len(durations), 50)
    )
