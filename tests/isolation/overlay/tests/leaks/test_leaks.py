"""Tests that leak; the fixture `clean` fails if the one before has left something behind."""

import asyncio
import gc
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.database import Sessionmaker, create_engine
from app.settings import Settings
from dev.databases import Database
from dev.isolation import DatabaseIsolation
from dev.sandbox import SandboxError, VirtualConnection
from dev.sockets import OutgoingConnectionError

kept: list[Any] = []
next_test_runs = asyncio.Event()


async def write(session: AsyncSession, name: str = "leaked") -> None:
    session.add(Account(name=name))
    await session.flush()


async def driver_of(session: AsyncSession) -> Any:
    return (await (await session.connection()).get_raw_connection()).driver_connection


async def try_to(send: Any) -> None:
    """Swallow the error, as code does that catches all exceptions."""
    try:
        await send
    except Exception as swallowed:
        kept.append(str(swallowed))


async def test_raw_commit(clean: None, sessions: Sessionmaker) -> None:
    async with sessions() as session:
        await write(session)
        await try_to(session.execute(text("COMMIT")))


async def test_raw_commit_and_begin(clean: None, sessions: Sessionmaker) -> None:
    async with sessions() as session:
        await write(session)
        await try_to((await driver_of(session)).execute("COMMIT; BEGIN"))


async def test_raw_rollback(clean: None, sessions: Sessionmaker) -> None:
    async with sessions() as session:
        await write(session)
        await try_to((await driver_of(session)).execute("/* why? */ ROLLBACK"))


async def test_prepared_transaction(clean: None, sessions: Sessionmaker) -> None:
    async with sessions() as session:
        await write(session)
        await try_to(session.execute(text("PREPARE TRANSACTION 'two-phase'")))


async def test_commit_that_the_sandbox_cannot_see(clean: None, sessions: Sessionmaker) -> None:
    """A setting that changes where strings end."""
    async with sessions() as session:
        driver = await driver_of(session)
        await write(session)
        await driver.execute("SET standard_conforming_strings = off")
        await driver.execute(r"SELECT '\''; COMMIT; BEGIN; SELECT 'x'")


async def test_commit_past_the_sandbox(
    clean: None, isolation: DatabaseIsolation, db_session: AsyncSession
) -> None:
    await write(db_session)
    await isolation.sandbox.physical.connection.execute("COMMIT")


async def test_notification_that_the_sandbox_cannot_see(
    clean: None, sessions: Sessionmaker
) -> None:
    async with sessions() as session:
        driver = await driver_of(session)
        await driver.execute(
            "CREATE FUNCTION announce() RETURNS void LANGUAGE plpgsql AS 'BEGIN NOTIFY news; END'"
        )
        await driver.add_listener("news", print)
        await try_to(driver.execute("SELECT announce()"))


async def test_reading_task_left_running(clean: None, sessions: Sessionmaker) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with sessions() as session:
            begun.set()
            await session.execute(text("SELECT pg_sleep(5)"))

    kept.append(asyncio.create_task(read(), name="reader"))
    await begun.wait()


async def test_writing_task_left_running(clean: None, sessions: Sessionmaker) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with sessions.begin() as session:
            await write(session)
            begun.set()
            await asyncio.sleep(5)

    kept.append(asyncio.create_task(work(), name="writer"))
    await begun.wait()


async def test_statement_left_running(clean: None, sessions: Sessionmaker) -> None:
    statement = sessions().execute(text("SELECT pg_sleep(5)"))
    kept.append(asyncio.create_task(statement, name="statement"))
    await asyncio.sleep(0.05)


async def test_task_of_a_request_left_running(clean: None, client: AsyncClient) -> None:
    assert (await client.post("/leave-task/leaked")).status_code == 200
    await asyncio.sleep(0.05)


async def test_task_that_cannot_be_cancelled(clean: None, sessions: Sessionmaker) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + 5  # otherwise nothing could end the run if nothing keeps the task out

    async def work() -> None:
        while loop.time() < end:
            try:
                async with asyncio.timeout_at(end):
                    await next_test_runs.wait()
                async with sessions.begin() as session:
                    await write(session)
                await asyncio.sleep(0.05)
            except SandboxError as error:
                kept.append(error)
                return
            except (asyncio.CancelledError, DBAPIError, TimeoutError):
                continue

    # As a task from a thread, it does not show by its context who started it.
    kept.append(asyncio.create_task(work(), name="stubborn", context=Context()))
    await asyncio.sleep(0.01)


@pytest.mark.usefixtures("clean")
async def test_task_that_cannot_be_cancelled_is_kept_out_of_the_next_test() -> None:
    [task] = [one for one in kept if isinstance(one, asyncio.Task) and one.get_name() == "stubborn"]
    next_test_runs.set()
    await asyncio.wait({task}, timeout=60)
    assert task.done()
    assert isinstance(kept[-1], SandboxError)


async def test_statement_that_cannot_be_cancelled(clean: None, sessions: Sessionmaker) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with sessions() as session:
            task = asyncio.create_task(session.execute(text("SELECT pg_sleep(10)")))
            kept.append(task)
            begun.set()
            while not task.done():
                try:
                    await asyncio.shield(task)
                except asyncio.CancelledError:
                    continue

    kept.append(asyncio.create_task(work(), name="stubborn statement"))
    await begun.wait()


@pytest.fixture
async def same_database(db_session: AsyncSession, worker_database: Database) -> URL:
    name = await db_session.scalar(text("SELECT current_database()"))
    return worker_database.url.set(database=name)


async def test_commit_through_another_engine(
    clean: None, db_session: AsyncSession, same_database: URL
) -> None:
    other = create_async_engine(same_database)
    async with other.begin() as connection:
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('leaked')"))
    await other.dispose()


async def test_write_through_another_engine_without_a_commit(
    clean: None, db_session: AsyncSession, same_database: URL
) -> None:
    other = create_async_engine(same_database, isolation_level="AUTOCOMMIT")
    async with other.connect() as connection:
        await connection.execute(text("SELECT count(*) FROM posts"))
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('leaked')"))
    await other.dispose()


async def test_transaction_left_open(clean: None, sessions: Sessionmaker) -> None:
    session = sessions()
    kept.append(session)
    await write(session)


async def test_session_left_open(clean: None, sessions: Sessionmaker) -> None:
    session = sessions()
    kept.append(session)
    await session.execute(text("SELECT 1"))


async def test_connection_left_open(clean: None, engine: AsyncEngine) -> None:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    kept.append(await autocommit.connect())


async def test_the_same_leak_many_times(clean: None, engine: AsyncEngine) -> None:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    kept.extend([await autocommit.connect() for _ in range(4)])


async def test_more_leaks_than_anybody_reads(clean: None, engine: AsyncEngine) -> None:
    workers = range(30)
    kept.extend(asyncio.create_task(asyncio.sleep(5), name=f"worker {n}") for n in workers)


@pytest.mark.committed
async def test_connection_to_a_clone_left_open(clean: None, engine: AsyncEngine) -> None:
    connection = await engine.connect()
    kept.append(connection)
    await connection.execute(text("SELECT 'held open'"))


async def test_nobody_else_is_told_of_a_connection_to_a_clone(clean: None) -> None:
    """It is still there, in `kept`."""


async def test_connection_that_only_the_garbage_collector_finds(
    clean: None, engine: AsyncEngine
) -> None:
    leave_to_the_garbage_collector(await engine.connect())


async def test_the_garbage_collector_warns_nobody_else(clean: None) -> None:
    gc.collect()


@pytest.mark.committed
async def test_failure_with_a_connection_to_a_clone(clean: None, engine: AsyncEngine) -> None:
    leave_to_the_garbage_collector(await engine.connect())
    pytest.fail("the test's own failure")


async def test_the_garbage_collector_warns_nobody_of_a_clone(clean: None) -> None:
    gc.collect()


def leave_to_the_garbage_collector(connection: object) -> None:
    circle = [connection]
    circle.append(circle)


async def test_task_left_running_in_another_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clean: None, sessions: Sessionmaker
) -> None:
    monkeypatch.chdir(tmp_path)  # until the end of the test is over, since it was requested first
    kept.append(asyncio.create_task(asyncio.sleep(5), name="abroad"))
    session = sessions()
    kept.append(session)
    await write(session)


@pytest.mark.committed
async def test_task_left_running_on_a_clone(clean: None, sessions: Sessionmaker) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with sessions.begin() as session:
            await write(session)
            begun.set()
            await asyncio.sleep(5)

    kept.append(asyncio.create_task(work(), name="writer on a clone"))
    await begun.wait()


async def test_connection_lost_in_a_writing_transaction(
    clean: None, isolation: DatabaseIsolation
) -> None:
    """Nobody holds the connection any more, so nobody can end its transaction."""
    connection = await isolation.connect()
    await connection.transaction().start()
    await connection.execute("INSERT INTO accounts (name) VALUES ('leaked')")
    del connection


async def test_commit_from_another_loop(clean: None, isolation: DatabaseIsolation) -> None:
    connection = await isolation.connect()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO accounts (name) VALUES ('leaked')")
    await asyncio.to_thread(lambda: asyncio.run(try_to(transaction.commit())))


async def test_task_that_starts_another_one_as_it_ends(clean: None, sessions: Sessionmaker) -> None:
    async def work(name: str) -> None:
        async with sessions.begin() as session:
            await asyncio.sleep(5)
            await write(session)

    async def start_another() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            kept.append(asyncio.create_task(work("chained"), name="second"))

    kept.append(asyncio.create_task(start_another(), name="first"))
    await asyncio.sleep(0.01)


def write_later(sessions: Sessionmaker) -> None:
    """Write from a timer, which runs in one of the next tests: when that calls `run_timers`."""
    loop, context = asyncio.get_running_loop(), copy_context()
    refused: asyncio.Future[Any] = loop.create_future()

    async def work() -> None:
        try:
            async with sessions.begin() as session:
                await write(session)
        except Exception as error:
            refused.set_result(error)
        else:
            refused.set_result(None)

    def start() -> None:
        kept.append(loop.create_task(work()))

    timers.append((partial(loop.call_soon, start, context=context), refused))


timers: list[tuple[Callable[[], object], asyncio.Future[Any]]] = []


async def run_timers() -> None:
    for run, refused in timers:
        run()
        assert isinstance(await asyncio.wait_for(refused, 60), SandboxError)
    timers.clear()


async def test_a_timer_is_started(clean: None, sessions: Sessionmaker) -> None:
    write_later(sessions)


@pytest.mark.committed
async def test_a_timer_is_started_on_a_clone(clean: None, sessions: Sessionmaker) -> None:
    write_later(sessions)


async def test_a_timer_does_not_write_into_the_next_test(clean: None, engine: AsyncEngine) -> None:
    await run_timers()


@pytest.mark.committed
async def test_a_timer_is_started_again(clean: None, sessions: Sessionmaker) -> None:
    write_later(sessions)


@pytest.mark.committed
async def test_a_timer_does_not_write_into_the_next_clone(clean: None, engine: AsyncEngine) -> None:
    async with engine.connect():  # leaves a connection in the pool
        pass
    await run_timers()


def fail_once(isolation: DatabaseIsolation, *, at_start: bool) -> None:
    """Let the next start of the application fail, or the next stop of one that is started now."""
    works = isolation.app.router.lifespan_context

    @asynccontextmanager
    async def fails(app: FastAPI) -> AsyncIterator[None]:
        isolation.app.router.lifespan_context = works
        if at_start:
            raise LookupError("the start fails")
        async with works(app):
            yield
        raise LookupError("the stop fails")

    isolation.app.router.lifespan_context = fails


async def test_the_next_start_is_going_to_fail(clean: None, isolation: DatabaseIsolation) -> None:
    fail_once(isolation, at_start=True)


@pytest.mark.committed
async def test_start_that_fails_on_a_clone(clean: None) -> None:
    pass


async def test_the_sandbox_is_back_after_a_start_that_failed(
    clean: None, sessions: Sessionmaker
) -> None:
    async with sessions.begin() as session:
        await write(session)
        assert isinstance(await driver_of(session), VirtualConnection)


async def test_the_next_stop_is_going_to_fail(clean: None, isolation: DatabaseIsolation) -> None:
    fail_once(isolation, at_start=False)


@pytest.mark.committed
async def test_stop_that_fails_on_a_clone(clean: None) -> None:
    pass


async def test_the_sandbox_is_back_after_a_stop_that_failed(
    clean: None, sessions: Sessionmaker
) -> None:
    async with sessions.begin() as session:
        await write(session)
        assert isinstance(await driver_of(session), VirtualConnection)


lifespan_fails = asyncio.Event()


async def fail_then() -> None:
    await lifespan_fails.wait()
    raise LookupError("a task of the lifespan fails")


@pytest.mark.committed
async def test_the_next_lifespan_is_going_to_fail(
    clean: None, isolation: DatabaseIsolation
) -> None:
    works = isolation.app.router.lifespan_context

    @asynccontextmanager
    async def fails(app: FastAPI) -> AsyncIterator[None]:
        isolation.app.router.lifespan_context = works
        async with works(app), asyncio.TaskGroup() as tasks:
            tasks.create_task(fail_then())
            yield

    isolation.app.router.lifespan_context = fails


async def test_lifespan_that_fails(clean: None) -> None:
    lifespan_fails.set()
    for _ in range(100):
        await asyncio.sleep(0)


async def test_the_application_is_back_after_its_lifespan_has_failed(
    clean: None, client: AsyncClient
) -> None:
    assert (await client.get("/names")).json() == []


async def test_killed_backend(clean: None, db_session: AsyncSession) -> None:
    await write(db_session)
    await try_to(db_session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))


@pytest.fixture
async def lost_after_the_test(isolation: DatabaseIsolation) -> AsyncIterator[None]:
    yield
    connection = isolation.sandbox.physical.connection
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_the_connection_is_lost_between_two_tests(
    lost_after_the_test: None, clean: None
) -> None:
    """The next test has another one."""


async def test_failure_and_leak(clean: None, sessions: Sessionmaker) -> None:
    session = sessions()
    kept.append(session)
    await write(session)
    pytest.fail("the test's own failure")


@pytest.mark.xfail(reason="it always fails: its leak must be reported all the same")
async def test_leak_of_a_test_that_is_expected_to_fail(clean: None, sessions: Sessionmaker) -> None:
    session = sessions()
    kept.append(session)
    await write(session)
    pytest.fail("as expected")


@pytest.fixture
async def half_made(clean: None, sessions: Sessionmaker) -> None:
    async with sessions.begin() as session:
        await write(session)
    raise LookupError("the fixture fails")


async def test_fixture_that_fails_half_way(half_made: None) -> None:
    pass


@pytest.fixture
async def writes_at_the_end(clean: None, db_session: AsyncSession) -> AsyncIterator[None]:
    yield
    await write(db_session, "by a finalizer")


async def test_finalizers_may_use_the_database(writes_at_the_end: None) -> None:
    pass


class Unprintable:
    def __init__(self, account: Account) -> None:
        self.account = account

    def __repr__(self) -> str:
        return f"<{self.account.posts}>"

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


async def test_failure_whose_values_cannot_be_shown(clean: None, db_session: AsyncSession) -> None:
    account = Account(name="a")
    db_session.add(account)
    await db_session.flush()
    await db_session.commit()
    db_session.expire(account)
    value = Unprintable(account)
    assert value == 1


async def test_database_that_was_not_asked_for(isolation: DatabaseIsolation) -> None:
    connection = await isolation.connect()
    with pytest.raises(SandboxError) as caught:
        await connection.execute("SELECT 1")
    assert "no running test has asked for the database" in str(caught.value)
    assert "`db_session`" in str(caught.value)


async def test_engine_from_the_environment() -> None:
    """It would be the developer's own database."""
    engine = create_engine(Settings())
    with pytest.raises(SandboxError, match="DATABASE_URL is closed"):
        async with engine.connect():
            pass
    await engine.dispose()


@pytest.mark.parametrize("committed", [pytest.param(True, marks=pytest.mark.committed), False])
async def test_the_database_of_the_settings_cannot_be_reached(
    clean: None, settings: Settings, committed: bool
) -> None:
    """What is written through it could not be undone."""
    assert settings.database_url is not None
    with pytest.raises(SandboxError, match=r"DATABASE_URL is closed.*async_creator=connect"):
        await asyncpg.connect(settings.database_url.get_secret_value())


async def test_mail_cannot_be_sent() -> None:
    with pytest.raises(OutgoingConnectionError, match=r"smtp.example.com.*`reachable_hosts`"):
        await asyncio.to_thread(smtplib.SMTP, "smtp.example.com", 25)
    with pytest.raises(OutgoingConnectionError, match=r"192\.0\.2\.1"):
        await asyncio.open_connection("192.0.2.1", 80)


async def test_everything_works_in_the_end(clean: None, client: AsyncClient) -> None:
    assert (await client.post("/accounts", json={"name": "after all"})).status_code == 201
    assert (await client.get("/names")).json() == ["after all"]
