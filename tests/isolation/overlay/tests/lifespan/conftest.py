"""An application whose lifespan uses the database for as long as it runs, in several ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from probe.models import Account
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import Sessionmaker, create_engine, create_sessionmaker
from app.main import create_app
from app.settings import Settings
from dev.databases import Database, Databases
from dev.isolation import DatabaseIsolation


class Background:
    """What the lifespan has started."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.sessions = create_sessionmaker(engine)
        self.tasks: list[asyncio.Task[None]] = []
        self.rounds = 0
        self.released = asyncio.Event()
        self.wanted = asyncio.Event()
        self.listening = asyncio.Event()
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def relay(self) -> None:
        """An outbox relay: every few milliseconds it reads, and writes if there is work."""
        while True:
            async with self.sessions.begin() as session:
                await relay(session)
            self.rounds += 1
            await asyncio.sleep(0.002)

    async def wait_in_the_server(self) -> None:
        """In the middle of a statement most of the time."""
        while True:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT pg_sleep(0.02)"))

    async def write_slowly(self) -> None:
        """In the middle of a writing transaction most of the time."""
        while True:
            async with self.sessions.begin() as session:
                await session.execute(text("UPDATE accounts SET note = note WHERE name = 'none'"))
                await session.execute(text("SELECT pg_sleep(0.01)"))
                await session.execute(text("UPDATE accounts SET note = note WHERE name = 'none'"))
            await asyncio.sleep(0.01)

    async def supervise(self) -> None:
        """Starts a new task again and again."""
        while True:
            await asyncio.create_task(self.read_once())
            await asyncio.sleep(0.002)

    async def read_once(self) -> None:
        async with self.sessions() as session:
            await session.scalar(select(Account.id))

    async def keep_a_connection(self) -> None:
        """Holds a connection, in a transaction that goes on."""
        async with self.engine.connect() as connection:
            while True:
                await connection.execute(text("SELECT count(*) FROM accounts"))
                await asyncio.sleep(0.002)

    async def listen_when_wanted(self) -> None:
        """Begins to listen in the middle of a test."""
        await self.wanted.wait()
        async with self.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.add_listener("news", lambda *news: self.heard.put_nowait(news[-1]))
            self.listening.set()
            await asyncio.Event().wait()


async def relay(session: AsyncSession) -> None:
    waiting = (await session.scalars(select(Account).where(Account.note == "waiting"))).all()
    if waiting:
        await session.execute(
            update(Account)
            .where(Account.id.in_([account.id for account in waiting]))
            .values(note="sent")
        )


def create_busy_app(settings: Settings, engine: AsyncEngine) -> FastAPI:
    app = create_app(settings, engine)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(inner(app))
            background = app.state.background = Background(engine)
            held = await stack.enter_async_context(engine.connect())
            await held.execute(text("SELECT 'held by the lifespan'"))
            for work in (
                background.relay,
                background.wait_in_the_server,
                background.write_slowly,
                background.supervise,
                background.keep_a_connection,
                background.listen_when_wanted,
            ):
                background.tasks.append(asyncio.create_task(work(), name=work.__name__))
            yield
            for task in background.tasks:
                task.cancel()
            ends = await asyncio.gather(*background.tasks, return_exceptions=True)
            assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []

    app.router.lifespan_context = lifespan
    return app


@pytest.fixture(scope="session")
async def isolation(
    settings: Settings, databases: Databases, worker_database: Database
) -> AsyncIterator[DatabaseIsolation]:
    isolation = DatabaseIsolation(
        partial(create_engine, settings),
        partial(create_busy_app, settings),
        databases,
        worker_database,
    )
    await isolation.open()
    yield isolation
    await isolation.close()


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessionmaker:
    return create_sessionmaker(engine)
