"""The sandbox keeps its promises: `overlay/tests/rows` has a test for each of them."""

import pytest

from tests.harness.project import Project

RUNS = {
    "in the sandbox": (),
    "with real commits": ("--db=committed",),
    "by two workers": ("-n", "2"),
    "in the order of the files": ("-p", "no:randomly"),
    "on uvloop": ("--loop=uvloop",),
    "on uvloop with real commits": ("--loop=uvloop", "--db=committed"),
}


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_every_promise_is_kept(probe: Project, options: tuple[str, ...]) -> None:
    probe.run("pytest", "tests/rows", *options)
