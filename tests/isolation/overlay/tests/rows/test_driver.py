"""The driver's connection, used without SQLAlchemy: COPY, cursors, prepared statements, codecs."""

import asyncio
import gc
import io
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from probe.models import Account
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from tests.rows.conftest import Names

from app.database import Sessionmaker
from dev.sandbox.tasks import call_soon
from tests.fixtures.engine import Connect

INSERT = "INSERT INTO accounts (name) VALUES ($1)"
NAMES = "SELECT name FROM accounts ORDER BY id"


@pytest.fixture
async def driver(connect: Connect, engine: AsyncEngine) -> AsyncIterator[Any]:
    """A connection of asyncpg, as far as the application can tell."""
    connection = await connect()
    yield connection
    await connection.close()


async def test_copy_writes_and_reads(driver: Any, names: Names) -> None:
    assert await driver.copy_records_to_table("accounts", records=[("a",)], columns=["name"])
    assert await driver.copy_to_table("accounts", source=io.BytesIO(b"b\n"), columns=["name"])
    assert await names() == ["a", "b"]
    for copy in (
        driver.copy_from_table("accounts", output=(table := io.BytesIO()), columns=["name"]),
        driver.copy_from_query(NAMES, output=(query := io.BytesIO())),
    ):
        assert await copy == "COPY 2"
    assert table.getvalue() == query.getvalue() == b"a\nb\n"


async def test_copy_is_rolled_back_with_its_transaction(driver: Any, names: Names) -> None:
    transaction = driver.transaction()
    await transaction.start()
    await driver.copy_records_to_table("accounts", records=[("a",)], columns=["name"])
    await transaction.rollback()
    assert await names() == []


async def test_a_source_that_fails_while_it_is_copied_leaves_nothing(
    driver: Any, names: Names
) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"a\n"
        raise LookupError("the source is gone")

    with pytest.raises(LookupError):
        await driver.copy_to_table("accounts", source=source(), columns=["name"])
    assert await names() == []


async def test_transactions_nest_as_savepoints(driver: Any, names: Names) -> None:
    async with driver.transaction():
        await driver.execute(INSERT, "a")
        inner = driver.transaction()
        await inner.start()
        await driver.execute(INSERT, "lost")
        await inner.rollback()
        async with driver.transaction():
            await driver.execute(INSERT, "b")
    assert await names() == ["a", "b"]


async def test_a_transaction_ends_once(driver: Any) -> None:
    transaction = driver.transaction()
    with pytest.raises(asyncpg.InterfaceError, match="not yet started"):
        await transaction.commit()
    await transaction.start()
    with pytest.raises(asyncpg.InterfaceError, match="already started"):
        await transaction.start()
    await transaction.commit()
    with pytest.raises(asyncpg.InterfaceError, match="already committed"):
        await transaction.rollback()


async def test_scripts_of_several_statements_are_one_transaction(driver: Any, names: Names) -> None:
    insert = "INSERT INTO accounts (name) VALUES ('{}')"
    await driver.execute("; ".join(insert.format(name) for name in "ab"))
    with pytest.raises(asyncpg.UniqueViolationError):
        await driver.execute("; ".join(insert.format(name) for name in "ca"))
    assert await names() == ["a", "b"]


async def test_executemany_is_all_or_nothing(driver: Any, names: Names) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await driver.executemany(INSERT, [("a",), ("b",), ("a",)])
    assert await names() == []


async def test_cursors_read_in_batches(driver: Any) -> None:
    await driver.executemany(INSERT, [(f"{number}",) for number in range(120)])
    async with driver.transaction():
        assert [row["name"] async for row in driver.cursor(NAMES)] == [
            f"{number}" for number in range(120)
        ]
        cursor = await driver.cursor(NAMES)
        assert len(await cursor.fetch(100)) == 100
        assert await cursor.forward(5) == 5
        assert (await cursor.fetchrow())["name"] == "105"
        assert len(await cursor.fetch(100)) == 14
        assert await cursor.fetchrow() is None


async def test_cursors_end_with_their_transaction(driver: Any) -> None:
    with pytest.raises(asyncpg.NoActiveSQLTransactionError):
        await driver.cursor(NAMES)
    async with driver.transaction():
        cursor = await driver.cursor(NAMES)
    with pytest.raises((asyncpg.InvalidCursorNameError, asyncpg.NoActiveSQLTransactionError)):
        await cursor.fetch(1)


async def test_the_rows_of_a_stream_can_be_worked_on_in_other_transactions(
    sessions: Sessionmaker, db_session: AsyncSession, names: Names
) -> None:
    db_session.add_all([Account(name=f"n{number}") for number in range(3)])
    await db_session.flush()
    async with sessions() as reader:
        async for name in await reader.stream_scalars(select(Account.name).order_by(Account.id)):
            async with sessions.begin() as writer:
                writer.add(Account(name=f"{name}-done"))
    assert len(await names()) == 6


async def test_prepared_statements_are_as_asyncpgs(driver: Any) -> None:
    statement = await driver.prepare("SELECT $1::int AS number", name="mine")
    assert statement.get_name() == "mine"
    assert statement.get_query() == "SELECT $1::int AS number"
    assert [parameter.name for parameter in statement.get_parameters()] == ["int4"]
    assert [attribute.name for attribute in statement.get_attributes()] == ["number"]
    assert await statement.fetchval(1) == 1
    assert (await statement.fetchrow(2))["number"] == 2
    assert [row["number"] for row in await statement.fetch(3)] == [3]
    assert statement.get_statusmsg() == "SELECT 1"
    assert [row["number"] for row in await statement.fetchmany([(4,), (5,)])] == [4, 5]
    assert await statement.executemany([(6,)]) is None
    assert (await statement.explain(7))[0]["Plan"]["Node Type"] == "Result"
    async with driver.transaction():
        assert [row["number"] async for row in statement.cursor(8)] == [8]


async def test_the_status_of_a_statement_is_its_own(connect: Connect, engine: AsyncEngine) -> None:
    """Virtual connections share what PostgreSQL has prepared."""
    first, second = await connect(), await connect()
    query = "SELECT generate_series(1, $1::int)"
    one, two = await first.prepare(query), await second.prepare(query)
    await one.fetch(1)
    await two.fetch(2)
    assert (one.get_statusmsg(), two.get_statusmsg()) == ("SELECT 1", "SELECT 2")
    await first.close()
    await second.close()


async def test_type_codecs_are_each_connections_own(connect: Connect, engine: AsyncEngine) -> None:
    plain, converting = await connect(), await connect()
    await converting.set_type_codec(
        "json", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
    )
    query = """SELECT '{"a": 1}'::json"""
    for _ in range(2):
        assert await plain.fetchval(query) == '{"a": 1}'
        assert await converting.fetchval(query) == {"a": 1}
    await converting.reset_type_codec("json", schema="pg_catalog")
    assert await converting.fetchval(query) == '{"a": 1}'
    await plain.close()
    await converting.close()


async def test_a_decoder_that_fails_does_not_end_the_transaction(connect: Connect) -> None:
    def decode(value: str) -> str:
        raise ValueError(value)

    connection = await connect()
    await connection.set_type_codec("json", schema="pg_catalog", encoder=str, decoder=decode)
    async with connection.transaction():
        await connection.execute(INSERT, "kept")
        with pytest.raises(ValueError, match="1"):
            await connection.fetchval("SELECT '1'::json")
    assert await connection.fetchval("SELECT count(*) FROM accounts WHERE name = 'kept'") == 1
    await connection.close()


async def test_engines_with_json_of_their_own_get_it(connect: Connect, engine: AsyncEngine) -> None:
    def decode(value: str | bytes) -> str:
        return "decoded"

    other = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, json_deserializer=decode
    )
    query = text("""SELECT '{"a": 1}'::jsonb""")
    for _ in range(2):
        async with other.connect() as connection:
            assert await connection.scalar(query) == "decoded"
        async with engine.connect() as connection:
            assert await connection.scalar(query) == {"a": 1}
    await other.dispose()


async def test_a_closed_connection_is_closed(driver: Any) -> None:
    transaction = driver.transaction()
    await transaction.start()
    await driver.execute(INSERT, "lost")
    assert not driver.is_closed()
    await driver.close()
    assert driver.is_closed()
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await driver.execute("SELECT 1")


async def test_closing_a_connection_rolls_back(driver: Any, names: Names) -> None:
    await driver.transaction().start()
    await driver.execute(INSERT, "lost")
    driver.terminate()
    assert await names() == []


async def test_resetting_a_connection_rolls_back(driver: Any, names: Names) -> None:
    await driver.transaction().start()
    await driver.execute(INSERT, "lost")
    await driver.reset()
    assert await names() == []
    assert not driver.is_in_transaction()


async def test_properties_of_the_server_are_available(driver: Any) -> None:
    assert driver.get_server_version().major >= 14
    assert driver.get_server_pid() == await driver.fetchval("SELECT pg_backend_pid()")
    assert driver.get_settings().server_encoding == "UTF8"


async def test_a_method_that_asyncpg_does_not_have_is_an_error(driver: Any) -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        await driver.nonsense()


async def test_warnings_of_the_server_reach_a_log_listener(driver: Any) -> None:
    heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    driver.add_log_listener(lambda _, message: heard.set_result(message))
    await driver.execute("DO $$ BEGIN RAISE WARNING 'careful'; END $$")
    assert (await asyncio.wait_for(heard, 60)).message == "careful"


async def test_a_log_listener_hears_its_own_connection(driver: Any, connect: Connect) -> None:
    heard: list[tuple[bool, str]] = []
    other = await connect()
    driver.add_log_listener(lambda who, message: heard.append((who is driver, message.message)))
    await other.execute("DO $$ BEGIN RAISE WARNING 'from another'; END $$")
    await driver.execute("DO $$ BEGIN RAISE WARNING 'from this one'; END $$")
    await asyncio.sleep(0)
    await other.close()
    assert heard == [(True, "from this one")]


async def test_a_log_listener_hears_what_a_commit_raises(driver: Any) -> None:
    heard: list[str] = []
    driver.add_log_listener(lambda _, message: heard.append(message.message))
    await driver.execute(
        """
        CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE WARNING 'committed'; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON accounts
        INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()
        """
    )
    async with driver.transaction():
        await driver.execute(INSERT, "a")
        assert heard == []
    await asyncio.sleep(0)
    assert heard == ["committed"]


async def test_a_query_logger_hears_its_own_connection(driver: Any, connect: Connect) -> None:
    heard: list[str] = []
    other = await connect()
    with driver.query_logger(lambda query: heard.append(query.query)):
        await other.execute("SELECT 'from another'")
        await driver.execute("SELECT 'from this one'")
        await other.execute("SELECT 'from another'")
    await driver.execute("SELECT 'not any more'")
    await asyncio.sleep(0)
    await other.close()
    assert heard == ["SELECT 'from this one'"]


async def test_a_termination_listener_hears_of_the_end(
    connect: Connect, engine: AsyncEngine
) -> None:
    heard: list[object] = []

    async def hear(connection: object) -> None:
        heard.append(connection)

    driver = await connect()
    driver.add_termination_listener(heard.append)
    driver.add_termination_listener(hear)
    driver.add_termination_listener(print)
    driver.remove_termination_listener(print)
    await driver.close()
    await asyncio.sleep(0.01)
    assert heard == [driver, driver]


async def test_a_callback_that_waits_is_not_garbage() -> None:
    waiting: list[weakref.ref[asyncio.Future[None]]] = []

    async def hear() -> None:
        future = asyncio.get_running_loop().create_future()
        waiting.append(weakref.ref(future))
        await future

    call_soon(asyncio.get_running_loop(), hear)
    await asyncio.sleep(0)
    gc.collect()
    future = waiting[0]()
    assert future is not None
    future.set_result(None)


async def test_a_transaction_has_one_isolation_level(driver: Any) -> None:
    with pytest.raises(ValueError, match="isolation is expected to be either of"):
        driver.transaction(isolation="READ COMMITTED")
    async with driver.transaction():
        async with driver.transaction(isolation="read_committed"):
            pass
        with pytest.raises(asyncpg.InterfaceError, match="different isolation level"):
            await driver.transaction(isolation="serializable").start()
    async with driver.transaction(isolation="serializable"):
        async with driver.transaction(isolation="serializable"):
            pass
        with pytest.raises(asyncpg.InterfaceError, match="different isolation level"):
            await driver.transaction(isolation="read_committed").start()


async def test_a_transaction_of_a_block_is_ended_by_the_block(driver: Any, names: Names) -> None:
    async def commit_within() -> None:
        transaction = driver.transaction()
        async with transaction:
            await driver.execute(INSERT, "a")
            await transaction.commit()

    with pytest.raises(asyncpg.InterfaceError, match="cannot manually commit"):
        await commit_within()
    assert await names() == []


async def test_the_transaction_of_a_closed_connection_cannot_be_ended(
    driver: Any, names: Names
) -> None:
    async def close_within() -> None:
        async with driver.transaction():
            await driver.execute(INSERT, "a")
            await driver.close()

    with pytest.raises(asyncpg.InterfaceError, match="connection is closed"):
        await close_within()
    assert await names() == []
