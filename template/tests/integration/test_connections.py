"""Connections that the pool keeps, and sessions that only read."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import FastAPI
from sqlalchemy import column, insert, table, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import database_connections
from app.database import Sessionmaker, create_engine, for_reading
from app.database_connections import TCP_OPTIONS, ConnectError, dispose, end_with_the_host
from app.settings import Settings


async def driver_connection(engine: AsyncEngine) -> Any:
    async with engine.connect() as connection:
        assert (await connection.scalar(text("SELECT 1"))) == 1
        return (await connection.get_raw_connection()).driver_connection


async def test_a_connection_is_used_again(engine: AsyncEngine) -> None:
    assert await driver_connection(engine) is await driver_connection(engine)


async def test_the_connection_that_was_used_last_is_used_again(engine: AsyncEngine) -> None:
    async with engine.connect() as last:
        expected = (await last.get_raw_connection()).driver_connection
        await driver_connection(engine)
    assert await driver_connection(engine) is expected


async def test_a_connection_that_the_server_has_closed_is_replaced(engine: AsyncEngine) -> None:
    first = await driver_connection(engine)
    first.terminate()
    assert await driver_connection(engine) is not first


async def test_a_connection_that_was_idle_for_long_and_does_not_answer_is_replaced(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise engine.dialect.loaded_dbapi.Error("no answer")

    first = await driver_connection(engine)
    monkeypatch.setattr(engine.dialect, "do_ping", fail)
    assert await driver_connection(engine) is first
    monkeypatch.setattr(database_connections, "MAX_IDLE", 0)
    assert await driver_connection(engine) is not first


async def test_a_server_that_hangs_does_not_keep_the_service_from_stopping(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(database_connections, "CLOSE_TIMEOUT", 0.01)
    await dispose(Mock(spec=AsyncEngine, dispose=hang))
    assert "the database has not closed its connections within 0.01 s" in caplog.messages


def test_a_connection_asks_a_host_that_is_silent_and_gives_it_up() -> None:
    with socket.socket() as connection:
        end_with_the_host(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        names = TCP_OPTIONS.keys() & vars(socket).keys()
        assert names >= {"TCP_KEEPINTVL", "TCP_KEEPCNT"}  # every system has these
        for name in names:
            option = getattr(socket, name)
            assert connection.getsockopt(socket.IPPROTO_TCP, option) == TCP_OPTIONS[name]
    with socket.socket(socket.AF_UNIX) as connection:  # on the same host
        end_with_the_host(connection)
        assert not connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


WRITE = text("CREATE TABLE test_writes (id int)")


@pytest.mark.committed
async def test_a_connection_to_a_server_that_became_read_only_is_replaced(
    engine: AsyncEngine,
) -> None:
    first = await driver_connection(engine)
    await first.execute("SET default_transaction_read_only = on")
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="read-only transaction") as raised:
            await connection.execute(WRITE)
    assert raised.value.connection_invalidated
    assert await driver_connection(engine) is not first


async def test_a_transaction_that_is_read_only_costs_no_connection(engine: AsyncEngine) -> None:
    first = await driver_connection(engine)
    async with engine.connect() as connection:
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError, match="read-only transaction") as raised:
            await connection.execute(WRITE)
    assert not raised.value.connection_invalidated
    assert await driver_connection(engine) is first


LIMITS = """
    SELECT name, setting FROM pg_settings
    WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
"""


@pytest.mark.committed
async def test_statements_have_the_time_limits_of_the_settings(
    app: FastAPI, engine: AsyncEngine
) -> None:
    settings: Settings = app.state.settings
    async with engine.connect() as connection:
        found = {name: int(value) for name, value in await connection.execute(text(LIMITS))}
    assert found == {
        "statement_timeout": settings.database_statement_timeout * 1000,
        "lock_timeout": settings.database_lock_timeout * 1000,
        "idle_in_transaction_session_timeout": settings.database_statement_timeout * 1000,
    }


@pytest.mark.usefixtures("engine")
async def test_behind_a_pooler_nothing_outlives_a_transaction(
    settings: Settings, connect: Callable[[], Awaitable[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled = settings.model_copy(update={"database_pooler": "transaction"})
    engine, connections = create_engine(pooled), Mock(side_effect=ConnectionRefusedError)
    monkeypatch.setattr(engine.dialect, "connect", connections)
    with pytest.raises(ConnectError, match="ConnectionRefusedError"):
        await engine.connect()
    options = connections.call_args.kwargs
    assert options["statement_cache_size"] == options["prepared_statement_cache_size"] == 0
    assert "server_settings" not in options

    shorter = pooled.model_copy(update={"database_lock_timeout": 0.5})
    engine = create_engine(shorter, async_creator=connect)
    assert for_reading(engine, shorter) is engine
    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW lock_timeout")) == "500ms"
        await connection.rollback()
        outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
        assert await outside.scalar(text("SHOW lock_timeout")) != "500ms"


@pytest.mark.usefixtures("engine")
async def test_behind_a_pooler_only_a_refused_write_costs_its_connection(
    settings: Settings, connect: Callable[[], Awaitable[Any]]
) -> None:
    pooled = settings.model_copy(update={"database_pooler": "transaction"})
    engine = create_engine(pooled, async_creator=connect)
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="division by zero") as failed:
            await connection.execute(text("SELECT 1 / 0"))
        await connection.rollback()
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError, match="read-only transaction") as refused:
            await connection.execute(WRITE)
    assert not failed.value.connection_invalidated
    assert refused.value.connection_invalidated


def test_reads_need_no_transaction(settings: Settings) -> None:
    reading = for_reading(create_engine(settings), settings)
    assert reading.get_execution_options() == {"isolation_level": "AUTOCOMMIT"}


@pytest.mark.parametrize("kind", ["sessions", "read_sessions"])
async def test_a_closed_session_is_not_used_again(app: FastAPI, kind: str) -> None:
    sessions: Sessionmaker = getattr(app.state, kind)
    async with sessions() as session:
        assert await session.scalar(text("SELECT 1")) == 1
    with pytest.raises(InvalidRequestError, match="permanently closed"):
        await session.scalar(text("SELECT 1"))


async def test_a_committed_session_is_not_used_again(app: FastAPI) -> None:
    sessions: Sessionmaker = app.state.sessions
    async with sessions.begin() as session:
        assert await session.scalar(text("SELECT 1")) == 1
    with pytest.raises(InvalidRequestError, match="permanently closed"):
        await session.scalar(text("SELECT 1"))


def test_the_reason_of_an_error_is_what_the_driver_said() -> None:
    error = DBAPIError("SELECT 1", {}, Exception("no such\n  thing"))
    assert database_connections.reason_of(error) == "no such thing"


async def test_a_session_that_only_reads_refuses_to_write(app: FastAPI) -> None:
    sessions: Sessionmaker = app.state.read_sessions
    things = table("things", column("id"))
    async with sessions() as session:
        with pytest.raises(InvalidRequestError, match="Use SessionDep to write"):
            await session.execute(insert(things).values(id=1))


PERSONAL = '"secret": of_nobody\nbut_Ada'


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("INSERT INTO test_notes VALUES (1, :value), (1, :value)", "violates unique constraint"),
        ("INSERT INTO test_notes VALUES (2, CAST(:value AS text), -1)", "check constraint"),
        ("SELECT CAST(CAST(:value AS text) AS int)", "invalid input syntax for type integer: ..."),
        ("SELECT CAST(CAST(:value AS text) AS date)", "invalid input syntax for type date: ..."),
        ("SELECT CAST(CAST(:value AS text) AS tsquery)", "syntax error in tsquery: ..."),
        ("SELECT CAST(:value AS uuid)", "invalid input for query argument $1: ..."),
        ("SELECT CAST(:value AS int)", "invalid input for query argument $1: ..."),
    ],
)
@pytest.mark.usefixtures("engine")
async def test_in_production_errors_show_no_values(
    settings: Settings, connect: Callable[[], Awaitable[Any]], statement: str, shown: str
) -> None:
    production = settings.model_copy(update={"environment": "production"})
    engine = create_engine(production, async_creator=connect)
    async with engine.begin() as connection:
        await connection.execute(
            text("CREATE TABLE test_notes (id int, text text UNIQUE, count int CHECK (count > 0))")
        )
        with pytest.raises(DBAPIError) as raised:
            await connection.execute(text(statement), {"value": PERSONAL})
    everything = "".join(traceback.format_exception(raised.value))
    assert shown in everything
    assert not [part for part in PERSONAL.split() if part in everything]


@pytest.mark.usefixtures("engine")
async def test_in_development_errors_show_values(
    settings: Settings, connect: Callable[[], Awaitable[Any]]
) -> None:
    development = settings.model_copy(update={"environment": "development"})
    engine = create_engine(development, async_creator=connect)
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as raised:
            await connection.execute(text("SELECT CAST(CAST(:v AS text) AS int)"), {"v": PERSONAL})
    assert PERSONAL in str(raised.value.orig)
