"""What the fixtures wait for is not given up because the machine was busy with something else."""

import asyncio
import time

import pytest
from probe.models import Account
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.rows.conftest import sandbox_only

from dev.isolation import DatabaseIsolation
from dev.sandbox.timeouts import stall_tolerant_timeout, still_running


def stand_still(seconds: float) -> None:
    """Block the event loop a moment later, as a machine does that is busy."""
    asyncio.get_running_loop().call_later(0.005, time.sleep, seconds)


async def work() -> None:
    for _ in range(5):
        await asyncio.sleep(0.002)


async def test_a_timeout_does_not_count_while_the_loop_stands_still() -> None:
    stand_still(0.5)
    async with stall_tolerant_timeout(0.2):
        await work()


async def test_a_timeout_expires() -> None:
    with pytest.raises(TimeoutError):
        async with stall_tolerant_timeout(0.02):
            await asyncio.Event().wait()


async def test_tasks_that_do_not_end_in_time_are_returned() -> None:
    short, endless = asyncio.create_task(work()), asyncio.create_task(asyncio.Event().wait())
    assert await still_running({short, endless}, 0.2) == {endless}
    endless.cancel()
    assert await still_running({short, endless}, 10) == set()


@sandbox_only
async def test_a_writer_is_waited_for_while_the_loop_stands_still(
    engine: AsyncEngine, isolation: DatabaseIsolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation.sandbox.turns, "writer_timeout", 0.2)

    async def write(name: str) -> None:
        async with engine.begin() as connection:
            await connection.execute(insert(Account).values(name=name))

    async with engine.begin() as writer:
        await writer.execute(insert(Account).values(name="first"))
        waiting = asyncio.create_task(write("second"))
        stand_still(0.5)
        await work()
    await waiting


async def test_a_task_that_is_about_to_end_is_no_leak(engine: AsyncEngine) -> None:
    asyncio.create_task(work())  # noqa: RUF006 (it ends before anybody could miss it)
    stand_still(0.5)
