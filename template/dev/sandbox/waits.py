"""Who waits for a turn, and whom they wait for: somebody who works, or somebody who is idle."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from dev.sandbox.state import TransactionState

TICK = 0.001
"""Seconds between two looks at whoever has the turn, while others wait for it."""

IDLE_TICKS = 15
"""After so many ticks in which it has sent nothing, whoever has the turn counts as idle.

On a connection of its own a reader would not have waited: it would have seen the state before the
writer's commit. Requests at the same time leave that to chance, so a read that comes a little later
is as good. It is not if the writer did something else meanwhile, such as waiting for a timer or
for another task. In each tick the event loop lets every task go on that can. So, however busy the
loop is, a writer that only computes and uses the database is never idle for so many of them.
"""


@dataclass(eq=False, slots=True)
class Wait:
    """Somebody waits for a turn."""

    since: int
    """The tick at which it began."""

    writer: str | None = None
    """Who has committed after this had waited for an idle writer."""

    rows_were_added: bool = False
    """Whether that one has inserted rows."""

    schema_was_changed: bool = False
    """Whether that one has created, altered or dropped something."""


class Waits:
    """Watches whoever has the turn while others wait for it; otherwise it does nothing.

    `progress` counts what is sent and received, or is None while something is on its way.
    """

    def __init__(self, progress: Callable[[], int | None]) -> None:
        self._progress = progress
        self._waiting: set[Wait] = set()
        self._kept_waiting: set[Wait] = set()
        self._ticks = 0
        self._idle_since = 0
        self._last_progress: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def anybody(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def begin(self) -> Wait:
        wait = Wait(self._ticks)
        self._waiting.add(wait)
        if self._timer is None:
            self._idle_since = self._ticks
            self._tick_later()
        return wait

    def end(self, wait: Wait) -> None:
        self._waiting.discard(wait)
        self._kept_waiting.discard(wait)
        if self._timer is not None and not self._waiting:
            self._timer.cancel()
            self._timer = None

    def turn_ended(self, *, writing: bool) -> None:
        """Whoever comes next is not idle yet.

        Who waited for a reader has lost nothing: all come in the order in which they asked. After a
        writer, those may come first that PostgreSQL would have let wait for its locks.
        """
        if not writing:
            self._kept_waiting.clear()
        self._idle_since = self._ticks

    def committed(self, writer: TransactionState) -> None:
        """A writer has committed: note it for all who have waited while a writer was idle."""
        for wait in self._kept_waiting:
            wait.writer = writer.describe_as_holder()  # takes long; hardly ever does somebody wait
            wait.rows_were_added |= writer.adds_rows
            wait.schema_was_changed |= writer.changes_schema

    def _tick_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._ticks += 1
        progress = self._progress()
        if progress is None or progress != self._last_progress:
            self._last_progress = progress
            self._idle_since = self._ticks
        if self._ticks - self._idle_since >= IDLE_TICKS:
            self._kept_waiting |= {
                wait for wait in self._waiting if self._ticks - wait.since >= IDLE_TICKS
            }
        self._tick_later()
