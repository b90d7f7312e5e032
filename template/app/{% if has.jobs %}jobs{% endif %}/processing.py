"""A process that does jobs until it is told to stop, whatever happens to its database."""

import asyncio
import datetime as dt
import logging
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from pgqueuer import PgQueuer
from pgqueuer.errors import FailingListenerError
from pgqueuer.models import Schedule
from pgqueuer.queries import Queries

from app.database_connections import reason_of
from app.jobs.definition import Job, NoPayload
from app.jobs.execution import Execution
from app.jobs.queue import UNAVAILABLE, EngineDriver, WorkerDriver, WorkerQueries
from app.settings import Settings

LISTENING = dt.timedelta(seconds=30)
POLLING = dt.timedelta(seconds=1)
"""How often a worker looks for jobs that nobody has told it of: a pooler passes on no NOTIFY."""

MISSING_TABLES = (
    "The database has no tables for jobs: is a migration missing, or not applied? "
    "`alembic upgrade head` applies those that there are."
)

logger = logging.getLogger(__name__)


class MissingTablesError(Exception):
    pass


async def process_jobs(app: FastAPI, jobs: Iterable[Job[Any]], stop: asyncio.Event) -> None:
    """Do jobs until `stop` is set, and end those that have begun.

    Raises MissingTablesError, and what `make_worker` raises.
    """
    jobs = list(jobs)
    logger.info("worker started")
    while not stop.is_set():
        try:
            await _process(app, jobs, stop)
        except UNAVAILABLE as error:
            if not stop.is_set():
                raise
            logger.error("stopped while unavailable: %s", reason_of(error))
        except FailingListenerError:
            logger.warning("the connection that listens was lost silently")
    logger.info("worker stopped")


async def _process(app: FastAPI, jobs: list[Job[Any]], stop: asyncio.Event) -> None:
    settings: Settings = app.state.settings
    is_told = settings.database_pooler is None
    end = asyncio.Event()
    driver = WorkerDriver(app.state.engine, stop, listens=is_told)
    worker = make_worker(app, jobs, driver, end)
    if not await worker.qm.queries.has_table("pgqueuer"):
        raise MissingTablesError(MISSING_TABLES)
    await _warn_of_unknown_jobs(app, {job.name for job in jobs})
    end_when_told = asyncio.create_task(_forward(stop, end))
    try:
        await worker.run(
            dequeue_timeout=LISTENING if is_told else POLLING,
            batch_size=settings.worker_concurrency // 2,
            max_concurrent_tasks=settings.worker_concurrency,
            shutdown_on_listener_failure=is_told,
            heartbeat_timeout=dt.timedelta(seconds=settings.worker_lost_after),
            log_aggregation_interval=dt.timedelta(0),
        )
    finally:
        end_when_told.cancel()


async def _warn_of_unknown_jobs(app: FastAPI, names: set[str]) -> None:
    try:
        sizes = await Queries(EngineDriver(app.state.engine)).queue_size()
    except UNAVAILABLE:
        return  # it does jobs without the warning
    waiting = {size.entrypoint for size in sizes if size.status != "failed"}
    if unknown := sorted(waiting - names):
        logger.warning("the queue has jobs that this worker does not do: %s", ", ".join(unknown))


async def _forward(event: asyncio.Event, other: asyncio.Event) -> None:
    await event.wait()
    other.set()


def make_worker(
    app: FastAPI, jobs: Iterable[Job[Any]], driver: WorkerDriver, end: asyncio.Event
) -> PgQueuer:
    """Raises RuntimeError if two jobs have the same name, and ValueError if a schedule is wrong."""
    worker = PgQueuer(driver, queries=WorkerQueries(driver))
    worker.shutdown = worker.qm.shutdown = worker.sm.shutdown = end
    for job in jobs:
        # A job that is given up stays in the queue, as `failed`.
        worker.entrypoint(job.name, on_failure="hold")(Execution(job, app).attempt)
        if job.cron is not None:
            worker.schedule(job.name, job.cron)(_enqueuing(app, job, driver))
    return worker


def _enqueuing(app: FastAPI, job: Job[Any], driver: WorkerDriver) -> Any:
    async def enqueue() -> None:
        async with app.state.sessions.begin() as session:
            await job.enqueue(session, NoPayload())

    async def enqueue_when_available(_: Schedule) -> None:
        """PgQueuer would not try again before the job is due the next time."""
        await driver.when_available(enqueue)

    return enqueue_when_available
