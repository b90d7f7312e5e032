"""Test runs of a rendered project that are killed, or that run beside one another."""

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import Popen

import pytest

from tests.harness.processes import Family, eventually
from tests.harness.project import Project

HALF_WAY = '''
import asyncio
import os
from pathlib import Path

from httpx import AsyncClient


async def test_that_never_ends(client: AsyncClient) -> None:
    assert (await client.get("/health/ready")).status_code == 200
    Path("half_way").write_text(f"{os.getpid()} {os.getppid()}")
    await asyncio.sleep(3600)
'''
A_SERVER_MAY_TAKE = 20  # seconds to stop after its run was killed


class HangingRun:
    """A test run that uses its database and then waits for ever."""

    def __init__(self, project: Project, *options: str) -> None:
        self.family = Family()
        self.workers = "-n" in options
        self.marker = project.path / "half_way"
        test = project.path / "tests" / "test_half_way.py"
        test.write_text(HALF_WAY)
        command = ("pytest", str(test), *options)
        self.process: AbstractContextManager[Popen[str]] = project.start(
            *command, **self.family.variables
        )

    def __enter__(self) -> "HangingRun":
        self.process.__enter__()
        assert eventually(self.marker.exists, 120)
        assert eventually(lambda: self.marker.read_text() != "", 5)
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.__exit__(None, None, None)
        for process in self.family.members():
            process.kill()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to pytest itself, and to nothing else."""
        worker, parent = map(int, self.marker.read_text().split())
        os.kill(parent if self.workers else worker, number)

    def servers(self) -> list[str]:
        return [command for command in self.family.commands() if "postgres" in command]


@pytest.fixture
def own_project(default_project: Project, copy: Callable[[Project], Project]) -> Project:
    return copy(default_project)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["serial", "workers"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_half_way_leaves_no_process(
    own_project: Project, options: tuple[str, ...], number: signal.Signals
) -> None:
    with HangingRun(own_project, *options) as run:
        assert run.servers() != []
        run.send(number)
        eventually(lambda: run.family.members() == [], A_SERVER_MAY_TAKE)
        assert run.family.commands() == []


def test_a_run_passes_beside_another_one_and_after_it_was_killed(own_project: Project) -> None:
    with HangingRun(own_project) as run:
        (own_project.path / "tests" / "test_half_way.py").unlink()
        own_project.run("pytest")
        assert run.servers() != []
        run.send(signal.SIGKILL)
        own_project.run("pytest")


def test_two_runs_at_once_in_one_checkout_both_pass(own_project: Project, tmp_path: Path) -> None:
    with own_project.start("pytest") as first, own_project.start("pytest", "-n", "2") as second:
        outputs = [process.communicate(timeout=300)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], "\n".join(outputs)
