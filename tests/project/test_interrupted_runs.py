"""Test runs of a rendered project that are killed, or that run beside one another."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.harness.processes import Family, eventually
from tests.harness.project import Project
from tests.harness.thorough import usually

HALF_WAY = """
import asyncio
import os
from pathlib import Path

from httpx import AsyncClient


async def test_that_never_ends(client: AsyncClient) -> None:
    assert (await client.get("/health/ready")).status_code == 200
    Path("unfinished").write_text(f"{os.getpid()} {os.getppid()}")
    Path("unfinished").rename("half_way")
    await asyncio.sleep(3600)
"""
API = "tests/api"
HEALTH = "tests/api/test_health.py"
"""Tests that use the database, as all of the project's suite do."""

# Seconds to stop after the run was killed. xdist alone gives its workers ten of them.
A_RUN_MAY_TAKE = 60


@dataclass(frozen=True)
class HangingRun:
    pid: int  # of pytest itself; with workers, of the process that directs them
    family: Family


@contextmanager
def hanging_run(project: Project, *options: str) -> Iterator[HangingRun]:
    """A test run that has used its database and now waits for ever."""
    family = Family()
    test = project.path / "tests" / "test_half_way.py"
    test.write_text(HALF_WAY)
    half_way = project.path / "half_way"
    with project.start("pytest", str(test), *options, **family.variables) as command:
        if not eventually(half_way.exists):
            raise command.error("did not get half-way")
        own, parent = map(int, half_way.read_text().split())
        test.unlink()
        try:
            yield HangingRun(parent if "-n" in options else own, family)
        finally:
            family.kill()


WAYS = {"workers": ("-n", "2"), "serial": ()}
SIGNALS = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize(
    ("way", "number"), usually([(way, number) for number in SIGNALS for way in WAYS], 3)
)
def test_a_run_that_is_ended_half_way_leaves_no_process(
    own_project: Project, way: str, number: signal.Signals
) -> None:
    with hanging_run(own_project, *WAYS[way]) as run:
        assert run.family.servers() != []
        os.kill(run.pid, number)
        eventually(lambda: run.family.members() == [], A_RUN_MAY_TAKE)
        assert run.family.commands() == []


def test_a_run_passes_beside_another_one_and_after_it_was_killed(own_project: Project) -> None:
    with hanging_run(own_project) as run:
        own_project.run("pytest", HEALTH)
        assert run.family.servers() != []
        os.kill(run.pid, signal.SIGKILL)
        own_project.run("pytest", HEALTH)


@pytest.mark.thorough  # so do a run and one that is killed
def test_two_runs_at_once_in_one_checkout_both_pass(own_project: Project) -> None:
    with (
        own_project.start("pytest", API) as first,
        own_project.start("pytest", API, "-n", "2") as second,
    ):
        first.wait()
        second.wait()
