"""Timeouts that do not count the time in which this process could not run.

After a second in which the machine was busy with something else, the answer is often there as soon
as this process runs again. A timeout of asyncio has expired by then.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial

from dev.sandbox.tasks import AnyTask

PARTS = 20
"""A timeout is so many timers, one after another. Of the time in which none of them could run, it
counts only the one that was due."""


class Countdown:
    """Calls `at_end` after so many seconds, not counting those in which the loop stands still."""

    def __init__(self, seconds: float, at_end: Callable[[], object]) -> None:
        self._part = seconds / PARTS
        self._at_end = at_end
        self._count(PARTS)

    def cancel(self) -> None:
        self._timer.cancel()

    def _count(self, left: int) -> None:
        if left == 0:
            self._at_end()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._part, self._count, left - 1)


@asynccontextmanager
async def stall_tolerant_timeout(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, but for the time in which the event loop stands still."""
    async with asyncio.timeout(None) as limit:
        countdown = Countdown(seconds, partial(expire, limit))
        try:
            yield
        finally:
            countdown.cancel()


def expire(limit: asyncio.Timeout) -> None:
    limit.reschedule(asyncio.get_running_loop().time())


async def still_running(tasks: Collection[AnyTask], seconds: float) -> set[AnyTask]:
    """Wait until the tasks have ended, or for so many seconds; return those that have not."""
    with suppress(TimeoutError):
        async with stall_tolerant_timeout(seconds):
            await asyncio.wait(tasks)
    return {task for task in tasks if not task.done()}
