"""Isolation levels, READ ONLY, and what a transaction says of itself."""

import asyncio

import pytest
from probe.models import Account
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.rows.conftest import Names

from app.database import Sessionmaker

INSERT = text("INSERT INTO accounts (name) VALUES ('a')")
LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"]


@pytest.mark.parametrize("level", LEVELS)
async def test_every_isolation_level_can_be_chosen_for_an_engine(
    engine: AsyncEngine, names: Names, level: str
) -> None:
    async with engine.execution_options(isolation_level=level).begin() as connection:
        await connection.execute(INSERT)
    assert await names() == ["a"]


@pytest.mark.parametrize("level", LEVELS)
async def test_every_isolation_level_can_be_chosen_for_a_transaction(
    sessions: Sessionmaker, names: Names, level: str
) -> None:
    async with sessions() as session:
        await session.connection(execution_options={"isolation_level": level})
        session.add(Account(name="a"))
        await session.commit()
    assert await names() == ["a"]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
async def test_a_transaction_can_set_its_isolation_level_by_sql(
    engine: AsyncEngine, names: Names, level: str
) -> None:
    async with engine.connect() as connection:
        await connection.execute(text(f"SET TRANSACTION ISOLATION LEVEL {level}"))
        await connection.execute(INSERT)
        await connection.commit()
    assert await names() == ["a"]


async def test_repeatable_reads_are_repeatable(engine: AsyncEngine, sessions: Sessionmaker) -> None:
    """Real ones see an old state; virtual ones let nobody commit in between."""
    repeatable = engine.execution_options(isolation_level="REPEATABLE READ")
    count = text("SELECT count(*) FROM accounts")
    both_have_begun = asyncio.Event()

    async def write() -> None:
        await both_have_begun.wait()
        async with sessions.begin() as session:
            session.add(Account(name="a"))

    writer = asyncio.create_task(write())
    async with repeatable.connect() as reader:
        assert await reader.scalar(count) == 0
        both_have_begun.set()
        await asyncio.wait({writer}, timeout=0.5)  # a real one does not wait for the reader
        assert await reader.scalar(count) == 0
    await writer


async def test_a_read_only_transaction_cannot_write(engine: AsyncEngine, names: Names) -> None:
    readonly = engine.execution_options(postgresql_readonly=True)
    async with readonly.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await connection.execute(INSERT)
    async with engine.begin() as connection:
        await connection.execute(INSERT)  # which is not read-only any more
    assert await names() == ["a"]


async def test_a_transaction_can_make_itself_read_only_by_sql(
    engine: AsyncEngine, names: Names
) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await connection.execute(INSERT)
    async with engine.begin() as connection:
        await connection.execute(INSERT)
    assert await names() == ["a"]


async def test_a_read_only_transaction_does_not_make_the_next_one_read_only(
    engine: AsyncEngine, names: Names
) -> None:
    readonly = engine.execution_options(postgresql_readonly=True)
    async with readonly.begin() as connection:
        await connection.execute(text("SELECT set_config('app.flag', 'set', true)"))  # no read
    async with engine.begin() as connection:
        await connection.execute(INSERT)
    assert await names() == ["a"]


async def test_a_connection_knows_whether_a_transaction_is_open(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        assert not driver.is_in_transaction()
        await connection.execute(text("SELECT 1"))
        assert driver.is_in_transaction()
        await connection.rollback()
        assert not driver.is_in_transaction()


async def test_commit_and_session_events_happen_as_in_production(
    engine: AsyncEngine, sessions: Sessionmaker
) -> None:
    happened: list[str] = []
    names = ("begin", "commit", "rollback")
    listeners = {name: lambda _, name=name: happened.append(name) for name in names}
    for name, listener in listeners.items():
        event.listen(engine.sync_engine, name, listener)
    async with sessions() as session:
        event.listen(
            session.sync_session, "after_commit", lambda _: happened.append("after_commit")
        )
        session.add(Account(name="a"))
        await session.commit()
        session.add(Account(name="b"))
        await session.flush()
        await session.rollback()
    for name, listener in listeners.items():
        event.remove(engine.sync_engine, name, listener)
    assert happened == ["begin", "commit", "after_commit", "begin", "rollback"]


async def test_a_rolled_back_savepoint_leaves_a_transaction_read_only(
    engine: AsyncEngine, names: Names
) -> None:
    readonly = engine.execution_options(postgresql_readonly=True)
    async with readonly.connect() as connection:
        for _ in range(2):
            with pytest.raises(DBAPIError, match="read-only transaction"):
                async with connection.begin_nested():
                    await connection.execute(INSERT)
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await connection.execute(INSERT)
    assert await names() == []
