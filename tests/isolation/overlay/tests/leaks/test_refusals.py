"""What the sandbox refuses also fails the test, even if the program swallows the error."""

import asyncio
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import Sessionmaker
from dev.isolation import DatabaseIsolation
from dev.sandbox import SandboxError

OUTSIDE_OF_TRANSACTIONS = [
    "VACUUM accounts",
    "CREATE INDEX CONCURRENTLY left_index ON accounts (note)",
    "REINDEX INDEX CONCURRENTLY uq_accounts_name",
]


async def test_a_second_writer_in_the_same_task_fails_and_the_error_names_both(
    clean: None,
    client: AsyncClient,
    isolation: DatabaseIsolation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation.sandbox.turns, "writer_timeout", 20)
    started = time.monotonic()
    with pytest.raises(SandboxError) as caught:
        await client.post("/audited/x")
    assert time.monotonic() < started + 10, "that took too long to be told"
    message = str(caught.value)
    assert "POST /audited/x" in message
    assert "INSERT INTO accounts" in message
    assert "probe/routes.py" in message
    assert "Commit first, or mark the test with @pytest.mark.committed" in message


async def test_a_request_that_would_see_the_tests_uncommitted_row_fails_at_once(
    clean: None,
    client: AsyncClient,
    sessions: Sessionmaker,
    isolation: DatabaseIsolation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation.sandbox.turns, "writer_timeout", 20)
    async with sessions() as session:
        session.add(Account(name="mine"))
        await session.flush()
        with pytest.raises(SandboxError, match=r"GET /names.*uncommitted writes.*Commit first"):
            async with asyncio.timeout(10):
                await client.get("/names")
        await session.rollback()
    assert (await client.get("/names")).json() == []


async def test_waiting_for_a_writer_that_never_ends_is_an_error_that_names_both(
    clean: None,
    sessions: Sessionmaker,
    isolation: DatabaseIsolation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation.sandbox.turns, "writer_timeout", 0.1)
    written, release = asyncio.Event(), asyncio.Event()

    async def write_and_wait() -> None:
        async with sessions.begin() as session:
            session.add(Account(name="written"))
            await session.flush()
            written.set()
            await release.wait()

    writing = asyncio.create_task(write_and_wait(), name="task that writes")
    await written.wait()
    async with sessions() as session:
        with pytest.raises(SandboxError) as caught:
            async with asyncio.timeout(10):
                await session.scalars(select(Account))
    release.set()
    await writing
    assert "task that writes" in str(caught.value)
    assert "INSERT INTO accounts" in str(caught.value)
    assert "SELECT accounts" in str(caught.value)


async def test_two_row_locks_at_once_are_refused(
    clean: None, sessions: Sessionmaker, db_session: AsyncSession
) -> None:
    db_session.add(Account(name="locked"))
    await db_session.flush()
    lock = select(Account).with_for_update(nowait=True)
    async with sessions() as first, sessions() as second:
        await first.execute(lock)
        with pytest.raises(SandboxError, match=r"because of locks by task .*committed"):
            await second.execute(lock)


async def test_two_advisory_locks_at_once_are_refused(clean: None, engine: AsyncEngine) -> None:
    try_lock = text("SELECT pg_try_advisory_lock(4711)")
    async with engine.connect() as first, engine.connect() as second:
        await first.execute(try_lock)
        with pytest.raises(SandboxError, match="committed"):
            await second.execute(try_lock)


@pytest.mark.parametrize("statement", OUTSIDE_OF_TRANSACTIONS, ids="012")
async def test_what_cannot_run_in_a_transaction_says_what_to_do(
    clean: None, engine: AsyncEngine, statement: str
) -> None:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommit.connect() as connection:
        with pytest.raises(SandboxError, match=r"transaction.*committed"):
            await connection.execute(text(statement))


async def test_a_different_event_loop_is_refused_and_the_error_says_what_to_do(
    clean: None, sessions: Sessionmaker, client: AsyncClient
) -> None:
    """Starlette's TestClient runs the application in a loop of its own."""

    async def write_elsewhere() -> None:
        async with sessions.begin() as session:
            session.add(Account(name="elsewhere"))

    with ThreadPoolExecutor() as threads:
        # As the TestClient does, it blocks the loop of the tests meanwhile.
        error = threads.submit(asyncio.run, write_elsewhere()).exception(timeout=60)
    assert isinstance(error, SandboxError)
    assert "on a different event loop" in str(error)
    assert "Use the fixture `client`" in str(error)
    assert (await client.post("/accounts", json={"name": "here"})).status_code == 201
    assert (await client.get("/names")).json() == ["here"]


class TestOfUnittest(unittest.IsolatedAsyncioTestCase):
    @pytest.fixture(autouse=True)
    def _fixtures(self, clean: None, sessions: Sessionmaker) -> None:
        self.sessions = sessions

    async def test_unittests_loop_leads_to_asynchronous_functions(self) -> None:
        async with self.sessions() as session:
            with self.assertRaisesRegex(SandboxError, "`async def` tests instead of"):  # noqa: PT027
                await session.execute(text("SELECT 1"))


async def test_the_test_client_leads_to_the_fixture_client(clean: None, app: FastAPI) -> None:
    """And not to another package, which a warning of its own recommends."""
    from starlette.testclient import TestClient  # noqa: PLC0415 (it warns when imported)

    with pytest.raises(SandboxError, match="Use the fixture `client` instead of Starlette's Test"):
        TestClient(app).get("/names")


async def test_a_stream_that_others_wait_for_is_called_one(
    clean: None, sessions: Sessionmaker
) -> None:
    async with sessions() as reader, sessions() as writer:
        await anext(aiter(await reader.stream(text("SELECT generate_series(1, 2000)"))))
        with pytest.raises(SandboxError, match=r"because of an open cursor by task .*committed"):
            await writer.execute(text("DELETE FROM accounts"))


async def test_who_would_not_wait_is_told_who_has_written(
    clean: None, sessions: Sessionmaker
) -> None:
    async def write() -> None:
        async with sessions.begin() as session:
            session.add(Account(name="a"))

    async with sessions() as slow, sessions() as session:
        reading = asyncio.create_task(slow.execute(text("SELECT pg_sleep(0.2)")))
        await asyncio.sleep(0.05)
        writing = asyncio.create_task(write(), name="writer")
        await asyncio.sleep(0.05)
        with pytest.raises(SandboxError, match=r"by task 'writer'.*SKIP LOCKED"):
            await session.execute(select(Account).with_for_update(skip_locked=True))
        await reading
        await writing
