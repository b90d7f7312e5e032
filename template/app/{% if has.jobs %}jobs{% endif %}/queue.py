"""PgQueuer's queue on SQLAlchemy's connections, so that its statements run where others do.

SQLAlchemy passes PgQueuer's `$1` on to asyncpg: no statement has to be translated.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Self, TypeVar

import asyncpg
from pgqueuer.core.tm import TaskManager
from pgqueuer.models import CronExpressionEntrypoint, Schedule, TableChangedEvent, TracebackRecord
from pgqueuer.models import Job as QueuedJob
from pgqueuer.ports.driver import Driver, NotifyCallback
from pgqueuer.queries import Queries
from pgqueuer.types import JOB_STATUS, Channel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from app.database_connections import reason_of

RETRY_AFTER = 1.0  # seconds

UNAVAILABLE = (
    *(DBAPIError, OSError, PoolTimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError),  # of LISTEN, which SQLAlchemy does not know
)
"""What is raised if the database is gone, and for other reasons."""

T = TypeVar("T")
Rows = list[dict[str, object]]
Outcomes = list[tuple[QueuedJob, JOB_STATUS, TracebackRecord | None]]

logger = logging.getLogger(__name__)


async def _fetch(connection: AsyncConnection, query: str, args: tuple[object, ...]) -> Rows:
    result = await connection.exec_driver_sql(query, args)
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


class StatementDriver(Driver):
    """What PgQueuer asks of a driver, but for where statements are sent. It does not listen."""

    def __init__(self) -> None:
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    async def execute(self, query: str, *args: object) -> str:
        await self.fetch(query, *args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None: ...

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class SessionDriver(StatementDriver):
    """Sends statements in the transaction of a session.

    Never by its driver's connection: SQLAlchemy begins a transaction with its own first statement,
    and what is sent before that survives a rollback.
    """

    def __init__(self, session: AsyncSession) -> None:
        super().__init__()
        self._session = session

    async def fetch(self, query: str, *args: object) -> Rows:
        return await _fetch(await self._session.connection(), query, args)


class EngineDriver(StatementDriver):
    """Sends each statement in its own transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__()
        self._engine = engine

    async def fetch(self, query: str, *args: object) -> Rows:
        async with self._engine.begin() as connection:
            return await _fetch(connection, query, args)


class WorkerDriver(EngineDriver):
    """For a worker: waits for a database that is gone, until `stop` is set, and listens again when
    it is back. Without `listens`, jobs are found by looking for them: a pooler in transaction mode
    passes on no notifications.

    A statement may be sent twice. Those of PgQueuer's workers do no harm then.
    """

    def __init__(self, engine: AsyncEngine, stop: asyncio.Event, *, listens: bool) -> None:
        super().__init__(engine)
        self._stop = stop
        self._listens = listens
        self._listeners: list[tuple[str, NotifyCallback]] = []
        self._listening: AsyncConnection | None = None
        self._entered = 0
        self._is_gone = False

    async def fetch(self, query: str, *args: object) -> Rows:
        return await self.when_available(partial(super().fetch, query, *args))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        if self._listens:
            self._listeners.append((channel, callback))
            await self.when_available(self._listen)

    async def __aenter__(self) -> Self:
        self._entered += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._entered -= 1  # PgQueuer enters it for the queue, and for the schedule
        if self._entered == 0:
            self._listeners.clear()
            await self._tasks.gather_tasks()
            await self._end_listening()

    async def when_available(self, send: Callable[[], Awaitable[T]]) -> T:
        """Call `send` until the database answers. One that was cut off may have had its effect."""
        while True:
            try:
                result = await send()
            except UNAVAILABLE as error:
                if self._stop.is_set() or not _is_unavailable(error):
                    raise
                if not self._is_gone:
                    logger.error("unavailable: %s", reason_of(error))
                self._is_gone = True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), RETRY_AFTER)
            else:
                if self._is_gone:
                    logger.info("available again")
                self._is_gone = False
                return result

    async def _listen(self) -> None:
        await self._end_listening()
        self._listening = await self._engine.connect()
        connection: Any = (await self._listening.get_raw_connection()).driver_connection
        for channel, callback in self._listeners:
            await connection.add_listener(channel, _passing_on(callback))
        connection.add_termination_listener(self._note_loss)

    async def _end_listening(self) -> None:
        if self._listening is not None:
            listening, self._listening = self._listening, None
            connection: Any = (await listening.get_raw_connection()).driver_connection
            connection.remove_termination_listener(self._note_loss)
            await listening.invalidate()  # the pool must not get a connection that listens
            await listening.close()

    def _note_loss(self, _: object) -> None:
        if self._listeners:
            self._tasks.add(asyncio.create_task(self._listen_again()))

    async def _listen_again(self) -> None:
        await self.when_available(self._listen)
        for channel, callback in self._listeners:  # of what was missed meanwhile
            event = TableChangedEvent(
                channel=Channel(channel),
                sent_at=dt.datetime.now(dt.UTC),
                type="table_changed_event",
                operation="insert",
                table="pgqueuer",
            )
            callback(event.model_dump_json())


def _passing_on(callback: NotifyCallback) -> Callable[..., None]:
    return lambda *event: callback(event[-1])


def _is_unavailable(error: Exception) -> bool:
    """Whether it may be over soon: a lost connection, a database that starts, a lock."""
    if not isinstance(error, DBAPIError):
        return True
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or sqlstate.startswith(("08", "53", "57", "55P03"))


class WorkerQueries(Queries):
    """What PgQueuer's worker sends. A job whose outcome cannot be recorded is left like that of a
    worker that has ended: another attempt follows."""

    async def fetch_schedule(
        self, entrypoints: dict[CronExpressionEntrypoint, dt.timedelta]
    ) -> list[Schedule]:
        """`entrypoints` says how soon they are due again, as of now. The time until the database
        answers counts: without it they would be due after the moment when PgQueuer looks again."""
        asked = time.monotonic()
        await self.driver.fetch("SELECT")
        waited = dt.timedelta(seconds=time.monotonic() - asked)
        return await super().fetch_schedule(
            {schedule: due_in - waited for schedule, due_in in entrypoints.items()}
        )

    async def retry_job(
        self, job: QueuedJob, delay: dt.timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        """If that failed, PgQueuer would give the job up."""
        try:
            await super().retry_job(job, delay, _storable(traceback_record))
        except Exception as error:
            logger.warning("job %s (%s) is left to others: %s", job.id, job.entrypoint, error)

    async def log_jobs(self, job_status: Outcomes) -> None:
        """Note which jobs were given up. Others have noted in their transaction that they are done;
        those that were cancelled with the worker are not."""
        given_up: Outcomes = [
            (job, status, _storable(error))
            for job, status, error in job_status
            if status == "failed"
        ]
        if given_up:
            await super().log_jobs(given_up)


def _storable(error: TracebackRecord | None) -> TracebackRecord | None:
    """The error with `\\x00` for NUL, and `\\udc80` for a lone surrogate, which PostgreSQL's jsonb
    cannot hold: PgQueuer would try to write them forever."""
    if error is None:
        return None
    context = error.additional_context or {}
    return error.model_copy(
        update={
            "exception_message": _escape(error.exception_message),
            "traceback": _escape(error.traceback),
            "additional_context": {
                name: _escape(value) if isinstance(value, str) else value
                for name, value in context.items()
            },
        }
    )


def _escape(text: str) -> str:
    return text.replace("\0", r"\x00").encode(errors="backslashreplace").decode()
