"""What looks like a mistake of the test, and is none."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest
import sqlalchemy
from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import event, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.rows.conftest import Names, sandbox_only

from app.database import Sessionmaker, create_engine
from app.settings import Settings
from dev.databases import Database, Databases
from dev.sandbox import Sandbox, physical
from tests.fixtures.engine import Connect


async def test_writes_to_a_database_in_memory_are_not_reported(engine: AsyncEngine) -> None:
    other = sqlalchemy.create_engine("sqlite://")
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE notes (body text)"))
        connection.execute(text("INSERT INTO notes VALUES ('written')"))
    autocommit = other.execution_options(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as connection:
        connection.execute(text("DELETE FROM notes"))
    other.dispose()


async def test_children_that_are_gathered_have_sessions_of_their_own(
    sessions: Sessionmaker, names: Names
) -> None:
    async def write(name: str) -> None:
        async with sessions() as session:
            await session.scalars(select(Account))
            session.add(Account(name=name))
            await asyncio.sleep(0)
            await session.commit()
            await session.scalars(select(Account))

    async def read() -> None:
        async with sessions() as session:
            await session.scalars(select(Account))
            await asyncio.sleep(0)
            await session.scalars(select(Account))

    written = [f"child {number}" for number in range(5)]
    await asyncio.gather(*map(write, written), *(read() for _ in range(5)))
    assert sorted(await names()) == written


@sandbox_only
async def test_a_hook_may_limit_how_long_a_transaction_is_idle(
    settings: Settings, engine: AsyncEngine, connect: Connect
) -> None:
    limited = create_engine(settings, async_creator=connect)

    @event.listens_for(limited.sync_engine, "connect")
    def limit(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SET idle_in_transaction_session_timeout = '50ms'")
        cursor.close()
        connection.commit()

    async with limited.connect() as connection:
        await connection.execute(text("SELECT 1"))
    await asyncio.sleep(0.2)
    async with limited.connect() as connection:
        assert await connection.scalar(text("SELECT 2")) == 2
    await limited.dispose()


@sandbox_only
async def test_a_role_may_limit_how_long_a_transaction_is_idle(databases: Databases) -> None:
    database = await databases.clone("idle")
    owner = await database.connect()
    for limit in ("idle_in_transaction_session_timeout", "transaction_timeout"):
        known = await owner.fetchval("SELECT count(*) FROM pg_settings WHERE name = $1", limit)
        if known:
            await owner.execute(f"ALTER DATABASE \"{database.name}\" SET {limit} = '50ms'")
    await owner.close()
    sandbox = Sandbox()
    await sandbox.open(database)
    await asyncio.sleep(0.2)
    assert not sandbox.broken
    await sandbox.close()
    await databases.drop(database)


@sandbox_only
async def test_a_sandbox_whose_connection_the_server_has_just_ended_can_be_closed(
    databases: Databases,
) -> None:
    database = await databases.clone("ended")
    sandbox = Sandbox()
    await sandbox.open(database)
    _end_unnoticed(databases, database, sandbox.physical.connection)
    await sandbox.close()


def _end_unnoticed(
    databases: Databases, database: Database, connection: asyncpg.Connection
) -> None:
    """End a connection while this event loop, which would notice, stands still."""
    with ThreadPoolExecutor() as threads:
        ending = databases.end_backends(database, [connection.get_server_pid()])
        threads.submit(asyncio.run, ending).result()
        threads.submit(asyncio.run, databases.drop(database)).result()  # waits until it is gone
    time.sleep(0.1)


@sandbox_only
async def test_a_loop_that_was_blocked_cancels_no_statement(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(physical, "CANCEL_AGAIN_AFTER", 0.01)
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('a')"))
        await connection.rollback()
        # When the rollback is on its way, nobody looks for the answer in time.
        asyncio.get_running_loop().call_soon(time.sleep, 0.05)
        await connection.execute(text("SELECT 1"))
        assert await connection.scalar(text("SELECT 2 FROM pg_sleep(0.2)")) == 2


@pytest.fixture(scope="session")
async def replica(settings: Settings, connect: Connect) -> AsyncIterator[AsyncEngine]:
    """An engine that is made once for all tests."""
    replica = create_engine(settings, async_creator=connect)
    yield replica
    await replica.dispose()


@pytest.mark.parametrize(
    "attempt",
    [
        1,
        pytest.param(2, marks=pytest.mark.committed),
        3,
        pytest.param(4, marks=pytest.mark.committed),
    ],
)
async def test_an_engine_for_all_tests_leads_to_the_database_of_each(
    replica: AsyncEngine, sessions: Sessionmaker, names: Names, attempt: int
) -> None:
    async with sessions.begin() as session:
        session.add(Account(name=f"attempt {attempt}"))
    async with replica.connect() as connection:
        found = await connection.scalars(text("SELECT name FROM accounts"))
        assert found.all() == [f"attempt {attempt}"]


async def test_a_test_may_replace_sleep(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To see how long the application would wait: all calls are the application's."""
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    assert (await client.post("/accounts", json={"name": "a"})).status_code == 201
    assert slept == []


async def test_a_column_may_have_the_name_of_a_function(engine: AsyncEngine) -> None:
    """What reads such columns only reads, so nobody waits for it."""
    async with engine.begin() as connection:
        for statement in (
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            """
            CREATE FUNCTION last_note() RETURNS text STABLE LANGUAGE sql
            AS 'SELECT max(note) FROM accounts'
            """,
        ):
            await connection.execute(text(statement))
    async with engine.connect() as reading:
        await reading.execute(text("SELECT accounts.note, last_note() FROM accounts"))
        async with engine.begin() as writing:
            await writing.execute(text("INSERT INTO accounts (name) VALUES ('a')"))
