"""The sandbox keeps its promises: `overlay/tests/rows` has a test for each of them."""

import pytest

from tests.harness.project import Project
from tests.harness.thorough import usually

RUNS = {
    "with real commits": ("--db=committed",),
    "in the sandbox": (),
    "by two workers": ("-n", "2"),
    "on uvloop": ("--loop=uvloop",),
    "in the order of the files": ("-p", "no:randomly"),
    "on uvloop with real commits": ("--loop=uvloop", "--db=committed"),
}


@pytest.mark.parametrize("run", usually(RUNS, 2))
def test_every_promise_is_kept(probe: Project, run: str) -> None:
    probe.pytest("tests/rows", *RUNS[run])
