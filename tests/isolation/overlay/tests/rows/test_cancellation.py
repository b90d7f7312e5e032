"""Cancellations and timeouts, at every point at which they can happen.

Whatever is interrupted, a transaction is afterwards either committed as a whole or not at all, what
others have committed is still there, and the connection can be used.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from httpx import AsyncClient
from probe.models import Account, Post
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from tests.rows.conftest import Names, sandbox_only

from app.database import Sessionmaker
from dev.databases import Database

T = TypeVar("T")


class Interrupted(Awaitable[T]):
    """Awaits something and cancels the task where it is suspended, at the given points."""

    def __init__(self, work: Awaitable[T], points: set[int]) -> None:
        self._work = work
        self._points = points
        self.suspended = 0
        self.interrupted = False

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._work.__await__()
        try:
            future = next(steps)
            while True:
                if self.suspended in self._points:
                    task = asyncio.current_task()
                    assert task is not None
                    task.cancel()
                    self.interrupted = True
                self.suspended += 1
                try:
                    value = yield future
                except BaseException as error:
                    future = steps.throw(error)
                else:
                    future = steps.send(value)
        except StopIteration as stop:
            result: T = stop.value
            return result


async def interrupt_everywhere(
    work: Callable[[int], Awaitable[None]],
    check: Callable[[int], Awaitable[None]],
    twice: bool = False,
) -> None:
    """Run `work` again and again, interrupted one point later each time, until it finishes."""
    for point in range(200):
        # The second cancellation hits what the first one has caused.
        points = {point, point + 1, point + 2} if twice else {point}
        interrupted = Interrupted(work(point), points)

        async def run(interrupted: Interrupted[None] = interrupted) -> None:
            await interrupted

        task = asyncio.create_task(run())
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
            assert not interrupted.interrupted, "a cancellation was swallowed"
            assert point > 1, "there was nothing to interrupt"
            return
        await check(point)
    raise AssertionError("it never finished")


@pytest.fixture
async def seed(db_session: AsyncSession) -> Account:
    account = Account(name="seed")
    db_session.add(account)
    await db_session.flush()
    return account


@pytest.fixture
def intact(names: Names, sessions: Sessionmaker) -> Callable[[int], Awaitable[None]]:
    """Both rows of an interrupted transaction are there, or none, and the next one works."""

    async def intact(point: int) -> None:
        found = await names()
        assert "seed" in found
        assert (f"{point}a" in found) == (f"{point}b" in found)
        async with sessions.begin() as session:
            session.add(Account(name=f"{point}-next"))
        assert f"{point}-next" in await names()

    return intact


Check = Callable[[int], Awaitable[None]]
at_one_point_and_at_many = pytest.mark.parametrize("twice", [False, True])


@at_one_point_and_at_many
async def test_a_writing_session_can_be_interrupted_anywhere(
    sessions: Sessionmaker, seed: Account, intact: Check, twice: bool
) -> None:
    async def work(point: int) -> None:
        async with sessions.begin() as session:
            session.add(Account(name=f"{point}a"))
            await session.flush()
            await session.scalars(select(Account))
            session.add(Account(name=f"{point}b"))

    await interrupt_everywhere(work, intact, twice)


@at_one_point_and_at_many
async def test_a_session_that_commits_itself_can_be_interrupted_anywhere(
    sessions: Sessionmaker, seed: Account, intact: Check, twice: bool
) -> None:
    async def work(point: int) -> None:
        session = sessions()
        try:
            session.add_all([Account(name=f"{point}a"), Account(name=f"{point}b")])
            await session.commit()
        finally:
            await session.close()

    await interrupt_everywhere(work, intact, twice)


@at_one_point_and_at_many
async def test_a_reading_session_can_be_interrupted_anywhere(
    sessions: Sessionmaker, seed: Account, intact: Check, twice: bool
) -> None:
    async def work(point: int) -> None:
        async with sessions() as session:
            for _ in range(3):
                await session.scalars(select(Account))

    await interrupt_everywhere(work, intact, twice)


@at_one_point_and_at_many
async def test_savepoints_and_failures_can_be_interrupted_anywhere(
    sessions: Sessionmaker, seed: Account, intact: Check, twice: bool
) -> None:
    async def work(point: int) -> None:
        async with sessions.begin() as session:
            session.add(Account(name=f"{point}a"))
            nested = await session.begin_nested()
            await session.execute(text("INSERT INTO accounts (name) VALUES ('lost')"))
            await nested.rollback()
            session.add(Account(name=f"{point}b"))

    await interrupt_everywhere(work, intact, twice)


async def test_a_failing_commit_can_be_interrupted_anywhere(
    sessions: Sessionmaker, seed: Account, intact: Check
) -> None:
    async def work(point: int) -> None:
        async with sessions() as session:
            session.add(Post(account_id=-1))
            try:
                await session.commit()
            except Exception:
                await session.rollback()

    await interrupt_everywhere(work, intact)


@asynccontextmanager
async def raw(engine: AsyncEngine) -> AsyncIterator[Any]:
    """The driver's connection; one that was interrupted does not go back to the pool."""
    async with engine.connect() as connection:
        try:
            yield (await connection.get_raw_connection()).driver_connection
        except BaseException:
            await connection.invalidate()
            raise


@at_one_point_and_at_many
async def test_raw_driver_connections_can_be_interrupted_anywhere(
    engine: AsyncEngine, seed: Account, intact: Check, twice: bool
) -> None:
    insert = "INSERT INTO accounts (name) VALUES ($1)"

    async def work(point: int) -> None:
        async with raw(engine) as driver, driver.transaction():
            await driver.execute(insert, f"{point}a")
            await driver.executemany(insert, [(f"{point}b",), (f"{point}c",)])

    await interrupt_everywhere(work, intact, twice)


@at_one_point_and_at_many
async def test_a_copy_can_be_interrupted_anywhere(
    engine: AsyncEngine, seed: Account, intact: Check, twice: bool
) -> None:
    async def work(point: int) -> None:
        async with raw(engine) as driver:
            records = [(f"{point}a",), (f"{point}b",)]
            await driver.copy_records_to_table("accounts", records=records, columns=["name"])

    await interrupt_everywhere(work, intact, twice)


async def test_tasks_that_wait_for_their_turn_can_be_interrupted_anywhere(
    sessions: Sessionmaker, seed: Account, intact: Check
) -> None:
    async def work(point: int) -> None:
        async with sessions.begin() as session:
            session.add(Account(name=f"{point}a"))
            await session.flush()
            session.add(Account(name=f"{point}b"))

    async def work_among_others(point: int) -> None:
        async def other(number: int) -> None:
            async with sessions.begin() as session:
                session.add(Account(name=f"{point}-other-{number}"))

        others = [asyncio.create_task(other(number)) for number in range(2)]
        try:
            await asyncio.sleep(0)
            await work(point)
        finally:
            await asyncio.wait(others)
            for task in others:
                task.result()

    await interrupt_everywhere(work_among_others, intact)


async def test_a_cancelled_request_leaves_nothing_and_affects_no_other(
    client: AsyncClient, seed: Account, names: Names
) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.post("/slow/x"), 0.05)
    assert await names() == ["seed"]
    assert (await client.post("/accounts", json={"name": "after"})).status_code == 201
    assert await names() == ["seed", "after"]


async def test_a_statement_that_times_out_in_the_driver_is_undone(
    engine: AsyncEngine, seed: Account, names: Names
) -> None:
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        with pytest.raises(TimeoutError):
            await driver.execute("SELECT pg_sleep(5)", timeout=0.05)
        async with driver.transaction():
            await driver.execute("INSERT INTO accounts (name) VALUES ('after')")
    assert await names() == ["seed", "after"]


async def test_cancelled_requests_do_not_disturb_the_others(
    client: AsyncClient, seed: Account, names: Names
) -> None:
    async def impatient(number: int) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post(f"/slow/impatient-{number}"), 0.02 * number)

    async def patient(number: int) -> int:
        response = await client.post("/accounts", json={"name": f"patient-{number}"})
        return response.status_code

    results = await asyncio.gather(
        *(impatient(number) for number in range(1, 6)), *(patient(number) for number in range(10))
    )
    assert [result for result in results if result is not None] == [201] * 10
    assert len(await names()) == 11


async def test_the_pool_gets_back_every_connection_that_a_cancellation_broke(
    engine: AsyncEngine, client: AsyncClient, seed: Account
) -> None:
    for _ in range(20):  # more than the pool has
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post("/slow/x"), 0.01)
    assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]  # that of `db_session`


@sandbox_only
async def test_a_request_to_cancel_that_gets_lost_is_repeated(
    client: AsyncClient,
    seed: Account,
    names: Names,
    runs_on_the_server: Callable[[str], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does if it reaches the server before the statement has begun."""

    async def lose(**_: object) -> None:
        pass

    monkeypatch.setattr("asyncpg.connect_utils._cancel", lose)
    request = asyncio.create_task(client.post("/slow/x", params={"seconds": 9}))
    await runs_on_the_server("SELECT pg_sleep")
    request.cancel()
    async with asyncio.timeout(7):  # less than it takes
        with pytest.raises(asyncio.CancelledError):
            await request
        assert await names() == ["seed"]


@pytest.fixture
async def outside(db_session: AsyncSession, worker_database: Database) -> AsyncIterator[Any]:
    """A real connection to the database of the test."""
    name = await db_session.scalar(text("SELECT current_database()"))
    connection = await worker_database.connect(database=name)
    yield connection
    await connection.close()


@pytest.fixture
def runs_on_the_server(outside: Any) -> Callable[[str], Awaitable[None]]:
    """Wait until the server runs a statement that begins with this text."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'active' AND starts_with(query, $1)
    """

    async def runs_on_the_server(start: str) -> None:
        async with asyncio.timeout(60):
            while not await outside.fetchval(query, start):
                await asyncio.sleep(0.005)

    return runs_on_the_server


SLOW_COMMIT = [
    """
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'go on') LOOP
            PERFORM pg_sleep(0.01);
            PERFORM pg_stat_clear_snapshot();
        END LOOP;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON accounts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()
    """,
]


@sandbox_only
async def test_a_commit_that_has_begun_is_finished_before_the_cancellation_counts(
    engine: AsyncEngine,
    sessions: Sessionmaker,
    names: Names,
    outside: Any,
    runs_on_the_server: Callable[[str], Awaitable[None]],
) -> None:
    async with engine.begin() as connection:
        for statement in SLOW_COMMIT:
            await connection.execute(text(statement))
    session = sessions()
    session.add(Account(name="committed"))
    await session.flush()
    commit = asyncio.create_task(session.commit())
    await runs_on_the_server("SET CONSTRAINTS")
    commit.cancel()
    await asyncio.sleep(0.05)  # if that were to interrupt it, it would by now
    await outside.execute("SET application_name = 'go on'")
    with pytest.raises(asyncio.CancelledError):
        await commit
    await session.close()
    assert await names() == ["committed"]
