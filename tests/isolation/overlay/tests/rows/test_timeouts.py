"""What the fixtures wait for is not given up because the machine was busy with something else."""

import asyncio
import time

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

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


async def test_a_task_that_is_about_to_end_is_no_leak(engine: AsyncEngine) -> None:
    asyncio.create_task(work())  # noqa: RUF006 (it ends before anybody could miss it)
    stand_still(0.5)
