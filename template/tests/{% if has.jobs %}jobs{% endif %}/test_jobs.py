"""A job runs if its request was committed, until it has succeeded, and its effect is there once."""

import asyncio
import contextlib
import datetime as dt
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pgqueuer.models import Job as QueuedJob
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from pgqueuer.types import QueueEntrypoint, QueueManagerId
from pydantic import BaseModel, ConfigDict, Field, computed_field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import SessionDep
from app.jobs import Job, JobContext, dead_letters, job, processing, scheduled_job
from app.jobs.cleanup import clean_up_queue_log
from app.jobs.definition import NoPayload, delay_after
from app.jobs.execution import (
    Execution,
    InvalidPayloadError,
    JobEndedError,
    WorkerEndedError,
)
from app.jobs.queue import EngineDriver, SessionDriver, StatementDriver, WorkerDriver, WorkerQueries
from app.main import create_app
from app.worker import JOBS
from dev.lifespan import started
from tests.fixtures.run_jobs import RunJobs, run_due_jobs

HOUR = dt.timedelta(hours=1)
CREATE_NOTES = text("CREATE TABLE test_notes (text text)")
INSERT_NOTE = text("INSERT INTO test_notes VALUES (:text)")
SELECT_NOTES = text("SELECT text FROM test_notes ORDER BY text")


Notes = Callable[[], Awaitable[list[str]]]


class Note(BaseModel):
    text: str
    failures: int = 0


class NotYetError(Exception):
    pass


@job(Note, attempts=3)
async def write_note(context: JobContext, note: Note) -> None:
    await context.session.execute(INSERT_NOTE, {"text": f"{note.text} {context.attempt}"})
    if context.attempt <= note.failures:
        raise NotYetError


@job(Note)
async def write_two_notes(context: JobContext, note: Note) -> None:
    for number in "ab":
        await write_note.enqueue(context.session, Note(text=note.text + number))


@job(Note)
async def write_in_two_transactions(context: JobContext, note: Note) -> None:
    await context.session.execute(INSERT_NOTE, {"text": f"{note.text} begun"})
    await context.session.commit()
    if context.attempt <= note.failures:
        raise NotYetError
    await context.session.execute(INSERT_NOTE, {"text": f"{note.text} ended"})


@scheduled_job("0 3 * * *")
async def write_every_night(context: JobContext) -> None:
    await context.session.execute(INSERT_NOTE, {"text": "night"})


TEST_JOBS: list[Job[Any]] = [
    write_note,
    write_two_notes,
    write_in_two_transactions,
    write_every_night,
]


@pytest.fixture(autouse=True)
async def notes(db_session: AsyncSession) -> Notes:
    await db_session.execute(CREATE_NOTES)

    async def notes() -> list[str]:
        return [*await db_session.scalars(SELECT_NOTES)]

    return notes


@pytest.fixture
async def service(app: FastAPI, engine: AsyncEngine) -> AsyncIterator[AsyncClient]:
    """A client of the service with an endpoint that enqueues a job, for these tests only."""
    service = create_app(app.state.settings, engine)

    @service.post("/test-notes", status_code=202)
    async def leave_note(session: SessionDep, *, fail: bool = False) -> None:
        await write_note.enqueue(session, Note(text="left"))
        if fail:
            raise RuntimeError

    async with started(service):
        transport = ASGITransport(app=service, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


async def enqueue(app: FastAPI, **note: object) -> None:
    async with app.state.sessions.begin() as session:
        await write_note.enqueue(session, Note.model_validate({"text": "n", **note}))


async def test_a_job_runs_once_its_request_is_committed(
    app: FastAPI, service: AsyncClient, notes: Notes
) -> None:
    assert (await service.post("/test-notes")).status_code == 202
    assert await notes() == []
    assert await run_due_jobs(app, TEST_JOBS) == ["write_note"]
    assert await notes() == ["left 1"]
    assert await run_due_jobs(app, TEST_JOBS) == []


async def test_a_job_of_a_request_that_fails_never_runs(
    app: FastAPI, service: AsyncClient, notes: Notes
) -> None:
    assert (await service.post("/test-notes?fail=true")).status_code == 500
    assert await run_due_jobs(app, TEST_JOBS, after=HOUR) == []
    assert await notes() == []


async def test_a_job_that_is_the_first_statement_of_its_session_is_rolled_back(
    app: FastAPI,
) -> None:
    """It would not be, on the driver's own connection: there the transaction begins later."""
    async with app.state.sessions() as session:
        await write_note.enqueue(session, Note(text="lost"))
        await session.rollback()
    assert await run_due_jobs(app, TEST_JOBS) == []


async def test_a_job_of_a_savepoint_that_is_rolled_back_never_runs(
    app: FastAPI, notes: Notes
) -> None:
    async with app.state.sessions.begin() as session:
        await write_note.enqueue(session, Note(text="kept"))
        with contextlib.suppress(NotYetError):
            async with session.begin_nested():
                await write_note.enqueue(session, Note(text="lost"))
                raise NotYetError
    await run_due_jobs(app, TEST_JOBS)
    assert await notes() == ["kept 1"]


async def test_jobs_of_jobs_run_as_well(app: FastAPI, notes: Notes) -> None:
    async with app.state.sessions.begin() as session:
        await write_two_notes.enqueue(session, Note(text="n"))
    await run_due_jobs(app, TEST_JOBS)
    assert await notes() == ["na 1", "nb 1"]


async def test_a_delayed_job_runs_when_its_time_has_come(app: FastAPI, notes: Notes) -> None:
    async with app.state.sessions.begin() as session:
        await write_note.enqueue(session, Note(text="later"), delay=HOUR)
    assert await run_due_jobs(app, TEST_JOBS) == []
    assert await run_due_jobs(app, TEST_JOBS, after=HOUR) == ["write_note"]
    assert await notes() == ["later 1"]


async def test_a_job_that_fails_is_tried_again_later(app: FastAPI, notes: Notes) -> None:
    await enqueue(app, failures=1)
    with pytest.raises(NotYetError):
        await run_due_jobs(app, TEST_JOBS)
    assert await notes() == []  # nothing of the attempt that has failed
    assert await run_due_jobs(app, TEST_JOBS) == []
    assert await run_due_jobs(app, TEST_JOBS, after=delay_after(1)) == ["write_note"]
    assert await notes() == ["n 2"]


async def test_a_job_may_commit_before_it_has_ended(app: FastAPI, notes: Notes) -> None:
    async with app.state.sessions.begin() as session:
        await write_in_two_transactions.enqueue(session, Note(text="long", failures=1))
    with pytest.raises(NotYetError):
        await run_due_jobs(app, TEST_JOBS)
    assert await notes() == ["long begun"]
    assert await run_due_jobs(app, TEST_JOBS, HOUR) == ["write_in_two_transactions"]
    assert await run_due_jobs(app, TEST_JOBS, HOUR) == []
    assert await notes() == ["long begun", "long begun", "long ended"]


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    item_id: int = Field(alias="itemId")
    count: int = Field(validation_alias="number", serialization_alias="amount")

    @computed_field
    def doubled(self) -> int:
        return self.count * 2


class Order(BaseModel):
    lines: list[Line]


async def test_a_payload_may_have_aliases_and_computed_fields(app: FastAPI) -> None:
    received = []

    @job(Order)
    async def receive(_: JobContext, order: Order) -> None:
        received.append(order)

    order = Order(lines=[Line(itemId=1, number=2)])
    async with app.state.sessions.begin() as session:
        await receive.enqueue(session, order)
    await run_due_jobs(app, [receive])
    assert received == [order]


async def test_an_error_about_a_payload_does_not_repeat_it(app: FastAPI) -> None:
    async with app.state.sessions.begin() as session:
        queries = Queries(SessionDriver(session))
        await queries.enqueue("write_note", b'{"text": ["personal"]}')
    with pytest.raises(InvalidPayloadError, match="not a valid Note: text: Input") as raised:
        await run_due_jobs(app, TEST_JOBS)
    assert "personal" not in "".join(traceback.format_exception(raised.value))


def test_attempts_are_further_and_further_apart() -> None:
    seconds = [delay_after(attempt).total_seconds() for attempt in (1, 2, 3, 7, 1000)]
    assert seconds == [10, 30, 90, 3600, 3600]


async def give_up(app: FastAPI) -> None:
    for _ in range(write_note.attempts):
        with pytest.raises(NotYetError):
            await run_due_jobs(app, TEST_JOBS, after=HOUR)


async def test_a_job_that_was_given_up_is_kept_until_it_is_retried(
    app: FastAPI, db_session: AsyncSession, notes: Notes, capsys: pytest.CaptureFixture[str]
) -> None:
    await enqueue(app, failures=3)
    await give_up(app)
    assert await run_due_jobs(app, TEST_JOBS, after=HOUR) == []
    (letter,) = await dead_letters.find(db_session)
    assert (letter.name, letter.payload) == ("write_note", b'{"text":"n","failures":3}')
    await dead_letters.print_all(db_session)
    await dead_letters.print_one(db_session, letter.id)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{letter.id}  write_note  given up ")
    assert 'Payload: {"text":"n","failures":3}\nTraceback ' in printed
    await dead_letters.retry(db_session, [letter.id])
    await db_session.execute(text("""UPDATE pgqueuer SET payload = '{"text": "mended"}'"""))
    assert await run_due_jobs(app, TEST_JOBS) == ["write_note"]
    assert await notes() == ["mended 1"]
    assert await dead_letters.find(db_session) == []


async def test_jobs_beyond_the_first_ones_listed_are_counted(
    app: FastAPI,
    db_session: AsyncSession,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dead_letters, "MAX_LISTED", 1)
    for _ in range(3):
        await enqueue(app, failures=3)
    await db_session.execute(text("UPDATE pgqueuer SET status = 'failed'"))
    await dead_letters.print_all(db_session)
    assert capsys.readouterr().out.splitlines()[1:] == ["Not shown: 2 newer"]


async def test_only_what_was_given_up_is_retried(app: FastAPI, db_session: AsyncSession) -> None:
    await enqueue(app, failures=3)
    await give_up(app)
    (letter,) = await dead_letters.find(db_session)
    with pytest.raises(dead_letters.DeadLetterError, match=f"Job {letter.id + 1} was not given"):
        await dead_letters.retry(db_session, [letter.id, letter.id + 1])
    assert len(await dead_letters.find(db_session)) == 1


async def pick(app: FastAPI) -> QueuedJob:
    """The job, as a worker gets it that takes over what others have not ended."""
    await asyncio.sleep(0.001)
    (queued,) = await Queries(EngineDriver(app.state.engine)).dequeue(
        batch_size=1,
        entrypoints={QueueEntrypoint("write_note"): EntrypointExecutionParameter(0)},
        queue_manager_id=QueueManagerId(uuid.uuid4()),
        global_concurrency_limit=None,
        heartbeat_timeout=dt.timedelta(0),
    )
    return queued


@pytest.mark.committed
async def test_a_job_that_ends_its_workers_is_given_up(app: FastAPI) -> None:
    await enqueue(app)
    for _ in range(write_note.attempts):
        await pick(app)
    with pytest.raises(WorkerEndedError):
        await Execution(write_note, app).attempt(await pick(app))


@pytest.mark.parametrize("end", [asyncio.CancelledError, SystemExit])
async def test_a_job_that_raises_a_cancellation_or_an_exit_has_failed(
    app: FastAPI, end: type[BaseException]
) -> None:
    @job(NoPayload)
    async def stop(context: JobContext, _: NoPayload) -> None:
        if context.attempt == 1:
            raise end

    async with app.state.sessions.begin() as session:
        await stop.enqueue(session, NoPayload())
    with pytest.raises(JobEndedError, match=end.__name__):
        await run_due_jobs(app, [stop])
    assert await run_due_jobs(app, [stop], after=HOUR) == ["stop"]


async def test_a_job_that_is_cancelled_with_its_worker_has_not_failed(app: FastAPI) -> None:
    begun = asyncio.Event()

    @job(NoPayload)
    async def wait(_: JobContext, __: NoPayload) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with app.state.sessions.begin() as session:
        await wait.enqueue(session, NoPayload())
    running = asyncio.create_task(run_due_jobs(app, [wait]))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.committed
async def test_what_two_workers_do_at_once_is_done_once(app: FastAPI, notes: Notes) -> None:
    """One of them has paused, so that the other has taken its job over."""
    await enqueue(app)
    execution = Execution(write_note, app)
    jobs = [await pick(app), await pick(app)]
    await asyncio.gather(*map(execution.attempt, jobs))
    assert await notes() == ["n 2"]


async def test_a_job_whose_outcome_cannot_be_noted_is_neither_given_up_nor_done(
    app: FastAPI, db_session: AsyncSession
) -> None:
    """Another worker takes it over."""
    await enqueue(app)
    await db_session.execute(text("UPDATE pgqueuer SET status = 'picked'"))
    row = (await db_session.execute(text("SELECT * FROM pgqueuer"))).mappings().one()
    queued = QueuedJob.model_validate(dict(row))
    await WorkerQueries(GoneDriver()).retry_job(queued, HOUR, None)
    queries = WorkerQueries(EngineDriver(app.state.engine))
    await queries.log_jobs([(queued, "canceled", None), (queued, "successful", None)])
    assert await db_session.scalar(text("SELECT status::text FROM pgqueuer")) == "picked"


class GoneDriver(StatementDriver):
    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        raise ConnectionError


async def test_the_log_of_the_queue_is_cleaned_up_but_for_what_is_shown(
    app: FastAPI, db_session: AsyncSession
) -> None:
    await enqueue(app, failures=3)
    await give_up(app)
    await enqueue(app, text="done")
    await run_due_jobs(app, TEST_JOBS)
    await db_session.execute(text("UPDATE pgqueuer_log SET created = now() - interval '8 days'"))
    async with app.state.sessions.begin() as session:
        await clean_up_queue_log.enqueue(session, NoPayload())
    await run_due_jobs(app, [clean_up_queue_log])
    (letter,) = await dead_letters.find(db_session)
    old = text("SELECT DISTINCT job_id FROM pgqueuer_log WHERE created < now() - interval '1 day'")
    assert (await db_session.scalars(old)).all() == [letter.id]


async def test_a_job_that_no_worker_does_is_noticed(app: FastAPI, run_jobs: RunJobs) -> None:
    await enqueue(app)
    with pytest.raises(AssertionError, match="no worker does write_note: add it to JOBS"):
        await run_jobs()


def test_a_worker_can_do_all_jobs(app: FastAPI) -> None:
    driver = WorkerDriver(app.state.engine, asyncio.Event(), listens=False)
    worker = processing.make_worker(app, JOBS, driver, asyncio.Event())
    assert len(worker.qm.entrypoint_registry) == len(JOBS)


async def test_the_tables_are_those_of_the_installed_pgqueuer(app: FastAPI) -> None:
    """If not, write a migration that executes these statements."""
    plan = await Queries(EngineDriver(app.state.engine)).plan_upgrade()
    assert list(plan.statements) == []
