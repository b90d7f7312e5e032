"""LISTEN and NOTIFY, which virtual connections do as real ones do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

ANNOUNCE = """
    CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_notify('news', 'account ' || NEW.name);
        RETURN NEW;
    END $$
"""
TRIGGER = """
    CREATE CONSTRAINT TRIGGER announce AFTER INSERT ON accounts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION announce()
"""


class Ear:
    """What a listener has heard."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def __call__(self, _: object, __: int, channel: str, payload: object) -> None:
        self.heard.put_nowait((channel, str(payload)))

    async def next(self) -> tuple[str, str]:
        return await asyncio.wait_for(self.heard.get(), 60)

    async def nothing(self) -> bool:
        await asyncio.sleep(0.05)
        return self.heard.empty()


@asynccontextmanager
async def raw(engine: AsyncEngine) -> AsyncIterator[Any]:
    async with engine.connect() as connection:
        yield (await connection.get_raw_connection()).driver_connection


async def test_listeners_hear_what_sessions_commit(app: FastAPI, engine: AsyncEngine) -> None:
    one, two = Ear(), Ear()
    async with raw(engine) as listening:
        await listening.add_listener("news", one)
        await listening.add_listener("news", two)
        await listening.add_listener("Other news", two)
        async with app.state.sessions.begin() as session:
            await session.execute(text("SELECT pg_notify('news', :what)"), {"what": "hello"})
            await session.execute(text("""NOTIFY "Other news", 'it''s'"""))
            assert await one.nothing()
        assert await one.next() == ("news", "hello")
        assert [await two.next(), await two.next()] == [("news", "hello"), ("Other news", "it's")]

        await listening.remove_listener("news", two)
        async with app.state.sessions.begin() as session:
            await session.execute(text("NOTIFY news"))
        assert await one.next() == ("news", "")
        assert await two.nothing()
        await listening.remove_listener("news", one)
        await listening.remove_listener("Other news", two)


async def test_what_is_rolled_back_is_never_heard(app: FastAPI, engine: AsyncEngine) -> None:
    ear = Ear()
    async with raw(engine) as listening:
        await listening.add_listener("news", ear)
        async with app.state.sessions() as session:
            await session.execute(text("SELECT pg_notify('news', 'rolled back')"))
            await session.rollback()
        async with app.state.sessions.begin() as session:
            async with session.begin_nested() as nested:
                await session.execute(text("NOTIFY news, 'rolled back'"))
                await nested.rollback()
            await session.execute(text("NOTIFY news, 'kept'"))
        assert await ear.next() == ("news", "kept")
        assert await ear.nothing()
        await listening.remove_listener("news", ear)


async def test_a_coroutine_hears(engine: AsyncEngine, db_session: AsyncSession) -> None:
    ear = Ear()

    async def hear(*notification: Any) -> None:
        ear(*notification)

    async with raw(engine) as listening:
        await listening.add_listener("news", hear)
        await db_session.execute(text("NOTIFY news, 'hello'"))
        assert await ear.next() == ("news", "hello")
        await listening.remove_listener("news", hear)


async def test_triggers_are_heard_at_the_commit(app: FastAPI, engine: AsyncEngine) -> None:
    ear = Ear()
    async with raw(engine) as listening:
        await listening.execute(ANNOUNCE)
        await listening.execute(TRIGGER)
        await listening.add_listener("news", ear)
        async with app.state.sessions.begin() as session:
            await session.execute(text("INSERT INTO accounts (name) VALUES ('ann'), ('bob')"))
        assert [await ear.next(), await ear.next()] == [
            ("news", "account ann"),
            ("news", "account bob"),
        ]
        await listening.remove_listener("news", ear)


async def test_statements_that_were_prepared_before_are_heard(engine: AsyncEngine) -> None:
    ear = Ear()
    async with raw(engine) as listening:
        statement = await listening.prepare("SELECT pg_notify('news', $1)")
        await statement.fetch("nobody listens")
        await listening.add_listener("news", ear)
        await statement.fetch("somebody listens")
        assert await ear.next() == ("news", "somebody listens")
        await listening.remove_listener("news", ear)


async def test_a_payload_that_is_too_long_is_an_error(engine: AsyncEngine) -> None:
    async with raw(engine) as listening:
        await listening.add_listener("news", print)
        with pytest.raises(asyncpg.InvalidParameterValueError, match="payload string too long"):
            await listening.fetch("SELECT pg_notify('news', $1)", "x" * 8000)
        await listening.remove_listener("news", print)


@pytest.mark.parametrize("again", [1, 2])
async def test_nobody_listens_in_the_next_test(engine: AsyncEngine, again: int) -> None:
    async with raw(engine) as listening:
        functions = await listening.fetch("SELECT prosrc FROM pg_proc WHERE proname = 'pg_notify'")
        assert [row["prosrc"] for row in functions] == ["pg_notify"]
        await listening.add_listener("news", print)
        await listening.remove_listener("news", print)


@pytest.mark.parametrize("again", [1, 2])
async def test_a_connection_that_listens_once_hears_in_each_test(
    engine: AsyncEngine, again: int
) -> None:
    async with engine.connect() as connection:
        ear = connection.info.get("ear")
        if ear is None:
            ear = connection.info["ear"] = Ear()
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.add_listener("news", ear)
        async with raw(engine) as other:
            await other.fetch("SELECT pg_notify('news', 'one')")
        assert await ear.next() == ("news", "one")
