"""What a job is: a function, and the payload that it is called with."""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import FastAPI
from pgqueuer.queries import Queries
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.queue import SessionDriver

ATTEMPTS = 8
"""How often a job is tried by default: with the delays below, for about two hours."""

FIRST_DELAY = dt.timedelta(seconds=10)
LONGEST_DELAY = dt.timedelta(hours=1)

NOW = dt.timedelta(0)

PayloadT = TypeVar("PayloadT", bound=BaseModel)


@dataclass(frozen=True)
class JobContext:
    """What a job is given beside its payload."""

    session: AsyncSession
    """Its transaction begins with the first statement. When the job returns, it is committed, and
    with it that the job is done; if the job raises, it is rolled back."""

    app: FastAPI
    """The application, started as the server starts it: its `state` is what requests have."""

    id: int
    """The same in all attempts, for others who have to recognize what they have been told."""

    attempt: int
    """1 for the first."""


Work = Callable[[JobContext, PayloadT], Awaitable[None]]


@dataclass(frozen=True)
class Job(Generic[PayloadT]):
    name: str
    payload: type[PayloadT]
    work: Work[PayloadT]
    attempts: int = ATTEMPTS

    cron: str | None = None
    """When it is enqueued by itself, in UTC."""

    async def enqueue(
        self, session: AsyncSession, payload: PayloadT, *, delay: dt.timedelta = NOW
    ) -> None:
        """Have it done when the session's transaction is committed, not before `delay` is over."""
        await self.enqueue_all(session, [payload], delay=delay)

    async def enqueue_all(
        self, session: AsyncSession, payloads: Sequence[PayloadT], *, delay: dt.timedelta = NOW
    ) -> None:
        """As `enqueue`, for each payload. Sends one statement, also for none."""
        count = len(payloads)
        await Queries(SessionDriver(session)).enqueue(
            [self.name] * count,
            [payload.model_dump_json().encode() for payload in payloads],
            [0] * count,
            execute_after=[delay] * count,
        )


def job(
    payload: type[PayloadT], *, attempts: int = ATTEMPTS
) -> Callable[[Work[PayloadT]], Job[PayloadT]]:
    """Make a function a job, which has its name. It is given up after `attempts`."""

    def decorate(work: Work[PayloadT]) -> Job[PayloadT]:
        return Job(_name_of(work), payload, work, attempts)

    return decorate


class NoPayload(BaseModel):
    """That of jobs on a schedule."""


def scheduled_job(
    cron: str, *, attempts: int = ATTEMPTS
) -> Callable[[Callable[[JobContext], Awaitable[None]]], Job[NoPayload]]:
    """Make a function a job that is enqueued when `cron` says, such as `"0 3 * * *"`, in UTC.

    However many workers there are, it is enqueued by one of them; after a time without any, once.
    """

    def decorate(work: Callable[[JobContext], Awaitable[None]]) -> Job[NoPayload]:
        async def without_payload(context: JobContext, _: NoPayload) -> None:
            await work(context)

        return Job(_name_of(work), NoPayload, without_payload, attempts, cron)

    return decorate


def delay_after(attempt: int) -> dt.timedelta:
    """How long a job waits after it has failed for the nth time: 10 s, 30 s, 90 s, ..."""
    factor: int = 3 ** min(attempt - 1, 10)
    return min(FIRST_DELAY * factor, LONGEST_DELAY)


def _name_of(work: Callable[..., object]) -> str:
    name: str = work.__name__
    return name
