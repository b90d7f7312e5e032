"""Jobs that were given up: they stay in the queue until somebody has them tried again."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pgqueuer.queries import Queries
from pgqueuer.types import JobId
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import create_engine, create_sessionmaker
from app.database_connections import reason_of
from app.jobs.queue import SessionDriver
from app.settings import DatabaseSettings

MAX_LISTED = 100

DEAD = text("""
    SELECT job.id, job.entrypoint AS name, job.created, job.updated, job.payload, (
        SELECT traceback FROM pgqueuer_log
        WHERE job_id = job.id AND traceback IS NOT NULL ORDER BY id DESC LIMIT 1
    )::text AS error, count(*) OVER () AS total
    FROM pgqueuer AS job
    WHERE status = 'failed' AND (CAST(:id AS bigint) IS NULL OR job.id = :id)
    ORDER BY job.id LIMIT :limit
""")


class DeadLetterError(Exception):
    """There is no such dead letter, or no database; the message says which."""


async def on_database(
    settings: DatabaseSettings, work: Callable[[AsyncSession], Awaitable[None]]
) -> None:
    """Call `work` with a session, and commit. Raises DeadLetterError."""
    engine = create_engine(settings)
    try:
        async with create_sessionmaker(engine).begin() as session:
            await work(session)
    except (DBAPIError, OSError) as error:
        raise DeadLetterError(f"The database cannot be used: {reason_of(error)}") from error
    finally:
        await engine.dispose()


async def print_all(session: AsyncSession) -> None:
    """Print the oldest `MAX_LISTED`, one a line with its last error, and how many are newer."""
    rows = await find(session)
    for row in rows:
        moment = row.updated.isoformat(" ", "seconds")
        print_line(f"{row.id}  {row.name}  given up {moment}  {error_of(row)}")
    if not rows:
        print_line("No job was given up.")
    elif others := rows[0].total - len(rows):
        print_line(f"Not shown: {others} newer")


async def print_one(session: AsyncSession, id: int) -> None:
    """Print a job with its payload and the traceback of its last error. Raises DeadLetterError."""
    row = await _get(session, id)
    created, updated = (moment.isoformat(" ", "seconds") for moment in (row.created, row.updated))
    print_line(f"{row.id}  {row.name}  enqueued {created}, given up {updated}")
    print_line(f"Payload: {(row.payload or b'').decode()}")
    print_line(json.loads(row.error or "{}").get("traceback", "").rstrip())


async def retry(session: AsyncSession, ids: Sequence[int]) -> None:
    """Enqueue them again, as if they were new. Raises DeadLetterError if one was not given up."""
    for id in ids:
        await _get(session, id)
    await Queries(SessionDriver(session)).requeue_jobs([JobId(id) for id in ids])
    print_line(f"Enqueued again: {', '.join(map(str, ids))}")


async def find(session: AsyncSession, id: int | None = None) -> Sequence[Row[Any]]:
    """The oldest `MAX_LISTED` ones, or the one with this id."""
    return (await session.execute(DEAD, {"id": id, "limit": MAX_LISTED})).all()


def error_of(row: Row[Any]) -> str:
    """The last error in one line."""
    error = json.loads(row.error or "{}")
    return " ".join(f"{error.get('exception_type')}: {error.get('exception_message')}".split())


async def _get(session: AsyncSession, id: int) -> Row[Any]:
    rows = await find(session, id)
    if not rows:
        raise DeadLetterError(f"Job {id} was not given up; those that were: uv run worker dead")
    return rows[0]


def print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
