"""Timeouts that do not count the time in which this process could not run.

After a second in which the machine was busy with something else, the answer is often there as soon
as this process runs again. A timeout of asyncio has expired by then.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress

from dev.sandbox.tasks import AnyTask

PARTS = 20
"""A timeout is so many timers, one after another. Of the time in which none of them could run, it
counts only the one that was due."""


@asynccontextmanager
async def stall_tolerant_timeout(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, but for the time in which the event loop stands still."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def count(left: int) -> None:
        nonlocal timer
        if left == 0:
            limit.reschedule(loop.time())
        else:
            timer = loop.call_later(seconds / PARTS, count, left - 1)

    async with asyncio.timeout(None) as limit:
        count(PARTS)
        try:
            yield
        finally:
            timer.cancel()


async def still_running(tasks: Collection[AnyTask], seconds: float) -> set[AnyTask]:
    """Wait until the tasks have ended, or for so many seconds; return those that have not."""
    with suppress(TimeoutError):
        async with stall_tolerant_timeout(seconds):
            await asyncio.wait(tasks)
    return {task for task in tasks if not task.done()}
