"""A service with a poller, a listener, a replica, and tenants that policies keep apart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI, Header
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database import create_engine
from app.settings import Settings
from dev.databases import Database, Databases
from dev.isolation import DatabaseIsolation

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS memos (tenant text, body text, delivered boolean DEFAULT false)",
    "ALTER TABLE memos ENABLE ROW LEVEL SECURITY",
    "DROP POLICY IF EXISTS own ON memos",
    "CREATE POLICY own ON memos USING (tenant = current_setting('app.tenant'))",
    "GRANT SELECT, INSERT ON memos TO pg_monitor",
)


class Background:
    """What the lifespan keeps going."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.heard: list[str] = []

    async def deliver(self) -> None:
        while True:
            async with self.engine.begin() as connection:
                found = await connection.scalar(
                    text("SELECT count(*) FROM memos WHERE NOT delivered")
                )
                if found:
                    await connection.execute(text("UPDATE memos SET delivered = true"))
            await asyncio.sleep(0.002)

    def hear(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        self.heard.append(payload)


@asynccontextmanager
async def acting_as(engine: AsyncEngine, tenant: str) -> AsyncIterator[AsyncConnection]:
    """A transaction in which the policies show a tenant its own rows alone."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL ROLE pg_monitor"))
        await connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": tenant})
        yield connection


def create_tenants_app(engine: AsyncEngine, replica: AsyncEngine) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            for statement in SCHEMA:
                await connection.execute(text(statement))
        background = app.state.background = Background(engine)
        async with AsyncExitStack() as stack:
            listening = await stack.enter_async_context(engine.connect())
            raw = (await listening.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.add_listener("memos", background.hear)
            poller = app.state.poller = asyncio.create_task(background.deliver(), name="poller")
            yield
            poller.cancel()
            await asyncio.gather(poller, return_exceptions=True)
        await replica.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/memos", status_code=201)
    async def write(body: str, tenant: str = Header()) -> None:
        async with acting_as(engine, tenant) as connection:
            memo = {"tenant": tenant, "body": body}
            await connection.execute(text("INSERT INTO memos VALUES (:tenant, :body)"), memo)
            await connection.execute(text("SELECT pg_notify('memos', :body)"), memo)

    @app.get("/memos")
    async def read(tenant: str = Header()) -> list[str]:
        async with acting_as(replica, tenant) as connection:
            found = await connection.scalars(text("SELECT body FROM memos ORDER BY body"))
            return [str(body) for body in found]

    return app


@pytest.fixture(scope="session")
async def isolation(
    settings: Settings, databases: Databases, worker_database: Database
) -> AsyncIterator[DatabaseIsolation]:
    async def connect() -> Any:
        return await isolation.connect()

    def create_app(engine: AsyncEngine) -> FastAPI:
        return create_tenants_app(engine, create_engine(settings, async_creator=connect))

    isolation = DatabaseIsolation(
        partial(create_engine, settings), create_app, databases, worker_database
    )
    await isolation.open()
    yield isolation
    await isolation.close()
