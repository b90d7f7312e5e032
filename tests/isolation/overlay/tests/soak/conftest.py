"""Notes how much memory the process has after how many tests, and how long each test took."""

import gc
import json
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

EARLY, LATE = 1000, 4999  # the last one tears down what is shared
durations: list[float] = []
memory: dict[str, int] = {}
objects: dict[str, int] = {}


def resident() -> int:
    """Bytes of memory that this process occupies (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def live() -> int:
    """Bytes of all objects that the garbage collector knows."""
    return sum(map(sys.getsizeof, gc.get_objects()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    result = yield
    when = {EARLY: "early", LATE: "late"}.get(len(durations))
    if when is not None:
        gc.collect()
        memory[when] = resident()
        objects[when] = live()
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        durations.append(report.duration)


def pytest_sessionfinish() -> None:
    samples = {"durations": durations, "memory": memory, "objects": objects}
    Path(os.environ["SAMPLES"]).write_text(json.dumps(samples))
