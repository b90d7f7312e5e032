"""A worker does jobs as they come, and goes on when it loses the database."""

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from pgqueuer.models import CronExpressionEntrypoint
from pgqueuer.models import Job as QueuedJob
from pgqueuer.queries import Queries
from pgqueuer.types import CronEntrypoint, CronExpression, JobId
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import Job, JobContext, job, scheduled_job
from app.jobs.dead_letters import error_of, find
from app.jobs.definition import NoPayload
from app.jobs.processing import process_jobs
from app.jobs.queue import EngineDriver, Rows, WorkerDriver, WorkerQueries

pytestmark = pytest.mark.committed

TERMINATE = text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'LISTEN%'
""")
MAKE_DUE = text("""
    INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run)
    VALUES ('0 3 * * *', 'write_every_night', now())
""")
MAKE_DUE_AGAIN = text("UPDATE pgqueuer_schedules SET next_run = now(), status = 'queued'")
UNSTORABLE = "NUL \0 and a lone surrogate \udc80, which jsonb cannot hold"


class Note(BaseModel):
    text: str


begun = asyncio.Event()
may_end = asyncio.Event()


@job(Note)
async def write_note(context: JobContext, note: Note) -> None:
    begun.set()
    await may_end.wait()
    await context.session.execute(text("INSERT INTO test_notes VALUES (:text)"), note.model_dump())


@job(NoPayload, attempts=1)
async def fail(_: JobContext, __: NoPayload) -> None:
    raise ValueError(UNSTORABLE)


@job(NoPayload, attempts=2)
async def fail_twice(_: JobContext, __: NoPayload) -> None:
    raise ValueError(UNSTORABLE)


@job(NoPayload)
async def renamed(_: JobContext, __: NoPayload) -> None: ...


@scheduled_job("0 3 * * *")
async def write_every_night(context: JobContext) -> None:
    await context.session.execute(text("INSERT INTO test_notes VALUES ('night')"))


@dataclass(frozen=True)
class Worker:
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 20)


@contextlib.asynccontextmanager
async def working(app: FastAPI, *jobs: Job[Any]) -> AsyncIterator[Worker]:
    """It runs until it is stopped, and at most as long as the context."""
    stop = asyncio.Event()
    worker = Worker(stop, asyncio.create_task(process_jobs(app, jobs, stop)))
    try:
        yield worker
    finally:
        await worker.end()


@pytest.fixture(autouse=True)
async def worker(app: FastAPI, db_session: AsyncSession) -> AsyncIterator[Worker]:
    begun.clear()
    may_end.set()
    await db_session.execute(text("CREATE TABLE test_notes (text text)"))
    await db_session.execute(MAKE_DUE)
    async with working(app, write_note, fail, fail_twice, write_every_night) as worker:
        yield worker
        may_end.set()


@pytest.fixture
def written(db_session: AsyncSession) -> Callable[[str], Awaitable[None]]:
    async def written(note: str) -> None:
        """Return when a job has written this."""
        query = text("SELECT count(*) FROM test_notes WHERE text = :text")
        async with asyncio.timeout(20):
            while True:
                if await db_session.scalar(query, {"text": note}):
                    return
                await asyncio.sleep(0.02)

    return written


Written = Callable[[str], Awaitable[None]]


async def enqueue(app: FastAPI, note: str) -> None:
    async with app.state.sessions.begin() as session:
        await write_note.enqueue(session, Note(text=note))


async def test_it_is_told_of_jobs(app: FastAPI, written: Written) -> None:
    await enqueue(app, "before or while it starts")
    await written("before or while it starts")
    await enqueue(app, "now")
    await written("now")


async def test_it_does_what_is_due_by_a_schedule(written: Written) -> None:
    await written("night")


async def test_it_does_what_is_due_even_if_it_cannot_enqueue_it_at_once(
    app: FastAPI,
    db_session: AsyncSession,
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await written("night")
    await db_session.execute(text("DELETE FROM test_notes"))
    await db_session.execute(MAKE_DUE_AGAIN)
    errors, enqueue = [OSError("the database restarts")], Queries.enqueue

    async def fail_once(*args: Any, **options: Any) -> list[JobId]:
        if errors:
            raise errors.pop()
        ids: list[JobId] = await enqueue(*args, **options)
        return ids

    monkeypatch.setattr(Queries, "enqueue", fail_once)
    async with working(app, write_every_night):
        await written("night")
    assert not errors


async def test_a_schedule_is_due_on_time_after_the_database_was_gone(
    app: FastAPI,
    db_session: AsyncSession,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await worker.end()
    await db_session.execute(MAKE_DUE_AGAIN)
    errors, fetch = [OSError("the database restarts")] * 2, EngineDriver.fetch

    async def fail_twice(self: EngineDriver, query: str, *args: object) -> Rows:
        if errors:
            raise errors.pop()
        return await fetch(self, query, *args)

    monkeypatch.setattr(EngineDriver, "fetch", fail_twice)
    queries = WorkerQueries(WorkerDriver(app.state.engine, asyncio.Event(), listens=False))
    nightly = CronExpressionEntrypoint(
        CronEntrypoint("write_every_night"), CronExpression("0 3 * * *")
    )
    hour = dt.timedelta(hours=1)
    asked = dt.datetime.now(dt.UTC)
    (schedule,) = await queries.fetch_schedule({nightly: hour})
    assert schedule.next_run - asked < hour + dt.timedelta(seconds=1)


async def test_it_warns_of_jobs_that_it_does_not_do(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    async with app.state.sessions.begin() as session:
        await renamed.enqueue(session, NoPayload())
    async with working(app, write_note), asyncio.timeout(20):
        while True:
            if "jobs that this worker does not do: renamed" in caplog.text:
                break
            await asyncio.sleep(0.02)


@pytest.fixture
def dequeue_lock(monkeypatch: pytest.MonkeyPatch) -> asyncio.Lock:
    """Held by the worker while it asks for jobs."""
    lock, dequeue = asyncio.Lock(), WorkerQueries.dequeue

    async def dequeue_alone(*args: Any, **options: Any) -> list[QueuedJob]:
        async with lock:
            return await dequeue(*args, **options)

    monkeypatch.setattr(WorkerQueries, "dequeue", dequeue_alone)
    return lock


async def test_it_ends_the_job_that_it_does_and_begins_no_other(
    app: FastAPI, worker: Worker, dequeue_lock: asyncio.Lock, db_session: AsyncSession
) -> None:
    may_end.clear()
    await enqueue(app, "begun")
    await asyncio.wait_for(begun.wait(), 20)
    worker.stop.set()
    await asyncio.sleep(0)  # the worker learns of it, and does not ask for jobs again
    async with dequeue_lock:
        await enqueue(app, "not begun")
    may_end.set()
    await worker.end()
    found = await db_session.scalars(text("SELECT text FROM test_notes WHERE text <> 'night'"))
    assert found.all() == ["begun"]


async def test_it_listens_again_when_its_connection_is_lost(
    app: FastAPI, db_session: AsyncSession, written: Written
) -> None:
    await enqueue(app, "first")
    await written("first")
    assert await db_session.scalar(TERMINATE) == 1
    await enqueue(app, "second")
    await written("second")


async def test_it_notes_each_failure_whatever_the_error_says(
    app: FastAPI, db_session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    for logger in ("app.jobs", "pgqueuer"):  # pytest-xdist cannot pass on such a text
        caplog.set_level(logging.CRITICAL, logger)
    async with app.state.sessions.begin() as session:
        await fail_twice.enqueue(session, NoPayload())
        await fail.enqueue(session, NoPayload())
    noted = text("SELECT count(*) FROM pgqueuer WHERE status = 'failed' OR attempts = 1")
    async with asyncio.timeout(20):
        while True:
            if await db_session.scalar(noted) == 2:
                break
            await asyncio.sleep(0.02)
    assert [(job.name, error_of(job)) for job in await find(db_session)] == [
        ("fail", r"ValueError: NUL \x00 and a lone surrogate \udc80, which jsonb cannot hold")
    ]
