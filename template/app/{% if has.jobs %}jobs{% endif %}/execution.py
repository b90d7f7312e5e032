"""One attempt at a job."""

import logging
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from pgqueuer import RetryRequested
from pgqueuer.models import Job as QueuedJob
from pgqueuer.queries import Queries
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.definition import Job, JobContext, delay_after
from app.jobs.queue import SessionDriver

logger = logging.getLogger(__name__)

# PgQueuer counts the attempts that have failed. Those whose worker has ended are in its log alone.
PICKED_SINCE_QUEUED = text("""
    SELECT count(*) FROM pgqueuer_log WHERE job_id = :id AND status = 'picked' AND id > (
        SELECT coalesce(max(id), 0) FROM pgqueuer_log WHERE job_id = :id AND status = 'queued'
    )
""")
LOCK = text("SELECT id FROM pgqueuer WHERE id = :id FOR UPDATE")


class WorkerEndedError(Exception):
    """Every attempt at a job has ended with its worker."""


class DoneByAnotherError(Exception):
    """Another worker has taken the job over, and done it."""


@dataclass(frozen=True)
class Execution:
    """Does a job for PgQueuer. The end of its transaction takes it off the queue as well, so that
    what it does in the database is done once."""

    job: Job[Any]
    app: FastAPI

    async def attempt(self, job: QueuedJob) -> None:
        """Raises RetryRequested if it has failed and is to be tried again; if not, its error."""
        attempt = job.attempts + 1
        try:
            attempt = await self._count(job)
            await self._run(job, attempt)
        except DoneByAnotherError:
            logger.warning("job %s (%s) was done by another worker", job.id, self.job.name)
        except Exception as error:
            if attempt >= self.job.attempts:
                raise
            delay = delay_after(attempt)
            logger.warning(
                "job %s (%s) has failed, and is tried again in %s",
                *(job.id, self.job.name, delay),
                exc_info=error,
            )
            raise RetryRequested(delay, f"{type(error).__name__}: {error}") from error

    async def _count(self, job: QueuedJob) -> int:
        async with self.app.state.sessions.begin() as session:
            picked: int = await session.scalar(PICKED_SINCE_QUEUED, {"id": job.id})
        return job.attempts + picked

    async def _run(self, job: QueuedJob, attempt: int) -> None:
        if attempt > self.job.attempts:
            raise WorkerEndedError(f"{attempt - 1} attempts have ended with their worker")
        async with self.app.state.sessions.begin() as session:
            payload = self.job.payload.model_validate_json(job.payload or b"")
            await self.job.work(JobContext(session, self.app, job.id, attempt), payload)
            await _take_off_queue(session, job)


async def _take_off_queue(session: AsyncSession, job: QueuedJob) -> None:
    await session.flush()
    if await session.scalar(LOCK, {"id": job.id}) is None:
        raise DoneByAnotherError
    await Queries(SessionDriver(session)).log_jobs([(job, "successful", None)])
