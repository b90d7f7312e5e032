"""What one connection cannot show: the sandbox says so, and a `committed` test shows it.

Most limits are a pair of tests.
"""

import asyncio
import datetime as dt

import pytest
from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from tests.rows.conftest import Names, sandbox_only

from app.database import Sessionmaker
from dev.databases import Database

real = pytest.mark.committed

# Two transactions that write at once


@real
async def test_a_second_writer_in_the_same_task_works_with_real_connections(
    client: AsyncClient, names: Names
) -> None:
    assert (await client.post("/audited/x")).status_code == 200
    assert sorted(await names()) == ["x", "x-audit"]


@real
async def test_with_real_connections_the_state_before_an_uncommitted_write_is_seen(
    sessions: Sessionmaker, names: Names
) -> None:
    async with sessions.begin() as session:
        session.add(Account(name="mine"))
        await session.flush()
        assert await names() == []
    assert await names() == ["mine"]


# Conflicts: locks, deadlocks, serialization

MEET, NEVER_MEET = 60, 0.3
"""Seconds that two transactions wait for each other."""


async def account(db_session: AsyncSession, *names: str) -> None:
    db_session.add_all(Account(name=name) for name in names)
    await db_session.flush()


async def lock_row(session: AsyncSession) -> None:
    await session.execute(select(Account).with_for_update(nowait=True))


@real
async def test_a_row_lock_conflicts_with_another_one(
    sessions: Sessionmaker, db_session: AsyncSession
) -> None:
    await account(db_session, "locked")
    async with sessions() as first, sessions() as second:
        await lock_row(first)
        with pytest.raises(DBAPIError, match="could not obtain lock"):
            await lock_row(second)


async def update_in_opposite_order(sessions: Sessionmaker, patience: float) -> list[str]:
    """The errors of two transactions that each update the row that the other has updated. They
    wait for each other for so many seconds."""
    both_have_one = asyncio.Barrier(2)
    update = text("UPDATE accounts SET note = :name WHERE name = :name")

    async def run(first: str, second: str) -> None:
        async with sessions.begin() as session:
            await session.execute(update, {"name": first})
            async with asyncio.timeout(patience):
                await both_have_one.wait()
            await session.execute(update, {"name": second})

    results = await asyncio.gather(run("a", "b"), run("b", "a"), return_exceptions=True)
    return [str(result) for result in results if result is not None]


@sandbox_only
async def test_transactions_that_would_deadlock_never_meet(
    sessions: Sessionmaker, db_session: AsyncSession
) -> None:
    await account(db_session, "a", "b")
    assert "deadlock" not in " ".join(await update_in_opposite_order(sessions, NEVER_MEET))


@real
async def test_a_deadlock_is_detected(sessions: Sessionmaker, db_session: AsyncSession) -> None:
    await account(db_session, "a", "b")
    [error] = await update_in_opposite_order(sessions, MEET)
    assert "deadlock detected" in error


async def write_after_both_have_read(engine: AsyncEngine, patience: float) -> list[str]:
    """The errors of two serializable transactions that each write what the other has read. They
    wait for each other for so many seconds."""
    both_have_read = asyncio.Barrier(2)
    serializable = engine.execution_options(isolation_level="SERIALIZABLE")

    async def run(name: str) -> None:
        async with serializable.begin() as connection:
            await connection.execute(text("SELECT count(*) FROM accounts"))
            async with asyncio.timeout(patience):
                await both_have_read.wait()
            await connection.execute(text("INSERT INTO accounts (name) VALUES (:n)"), {"n": name})

    results = await asyncio.gather(run("a"), run("b"), return_exceptions=True)
    return [str(result) for result in results if result is not None]


@sandbox_only
async def test_serializable_transactions_are_serial(engine: AsyncEngine) -> None:
    assert "serialize" not in " ".join(await write_after_both_have_read(engine, NEVER_MEET))


@real
async def test_a_serialization_failure_is_detected(engine: AsyncEngine) -> None:
    [error] = await write_after_both_have_read(engine, MEET)
    assert "could not serialize access" in error


async def try_advisory_locks(engine: AsyncEngine) -> list[bool]:
    """Whether each of two connections gets the same lock."""
    try_lock = text("SELECT pg_try_advisory_lock(4711)")
    async with engine.connect() as first, engine.connect() as second:
        got = [await connection.scalar(try_lock) for connection in (first, second)]
        await first.rollback()
        await second.rollback()
    return got


@real
async def test_an_advisory_lock_excludes_another_connection(engine: AsyncEngine) -> None:
    assert await try_advisory_locks(engine) == [True, False]


# Time, numbers, and what a transaction is to PostgreSQL


async def times(sessions: Sessionmaker) -> list[dt.datetime]:
    """`now()` in two transactions."""
    found = []
    for _ in range(2):
        async with sessions.begin() as session:
            found.append((await session.execute(select(func.now()))).scalar_one())
    return found


@sandbox_only
async def test_now_is_the_same_throughout_a_test(sessions: Sessionmaker) -> None:
    first, second = await times(sessions)
    assert first == second


@real
async def test_now_advances_from_transaction_to_transaction(sessions: Sessionmaker) -> None:
    first, second = await times(sessions)
    assert first < second


async def test_ids_go_on_after_a_rollback_so_tests_cannot_know_them(
    db_session: AsyncSession,
) -> None:
    await account(db_session, "a")
    last = await db_session.scalar(select(func.max(Account.id)))
    assert last is not None
    insert = text("INSERT INTO accounts (name) VALUES ('a')")
    with pytest.raises(DBAPIError):
        await db_session.execute(insert)
    await account(db_session, "b")
    assert await db_session.scalar(select(func.max(Account.id))) == last + 2


async def transaction_ids(sessions: Sessionmaker) -> set[int]:
    found = set()
    for _ in range(2):
        async with sessions.begin() as session:
            found.add((await session.execute(text("SELECT txid_current()"))).scalar_one())
    return found


@sandbox_only
async def test_a_test_is_one_transaction_to_postgresql(sessions: Sessionmaker) -> None:
    assert len(await transaction_ids(sessions)) == 1


@real
async def test_each_transaction_has_an_id_of_its_own(sessions: Sessionmaker) -> None:
    assert len(await transaction_ids(sessions)) == 2


# State of the session


async def test_a_temporary_table_is_dropped_at_the_commit(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TEMP TABLE scratch (id int) ON COMMIT DROP"))
    async with engine.begin() as connection:
        with pytest.raises(DBAPIError, match="does not exist"):
            await connection.execute(text("SELECT id FROM scratch"))


async def other_connections_setting(engine: AsyncEngine) -> str | None:
    """What one connection sees of a parameter that another has set."""
    async with engine.connect() as first, engine.connect() as second:
        await first.execute(text("SET app.flag = 'set'"))
        await first.commit()
        seen: str | None = await second.scalar(text("SELECT current_setting('app.flag', true)"))
        return seen


async def test_parameters_of_the_session_are_each_connections_own(engine: AsyncEngine) -> None:
    assert not await other_connections_setting(engine)


# What PostgreSQL does outside of transactions

OUTSIDE_OF_TRANSACTIONS = [
    "VACUUM accounts",
    "CREATE INDEX CONCURRENTLY left_index ON accounts (note)",
    "REINDEX INDEX CONCURRENTLY uq_accounts_name",
]


@real
@pytest.mark.parametrize("statement", OUTSIDE_OF_TRANSACTIONS)
async def test_what_cannot_run_in_a_transaction_runs(engine: AsyncEngine, statement: str) -> None:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommit.connect() as connection:
        await connection.execute(text(statement))


@pytest.mark.parametrize("statement", OUTSIDE_OF_TRANSACTIONS)
async def test_within_the_applications_own_transaction_the_error_is_postgresqls(
    engine: AsyncEngine, statement: str
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="cannot run inside a transaction block"):
            await connection.execute(text(statement))


# Others that look at the database


async def rows_that_others_see(db_session: AsyncSession, worker_database: Database) -> int:
    """How many of one row a connection of another process would see."""
    name = await db_session.scalar(text("SELECT current_database()"))
    await account(db_session, "a")
    other = await worker_database.connect(database=name)
    try:
        count: int = await other.fetchval("SELECT count(*) FROM accounts")
    finally:
        await other.close()
    return count


@sandbox_only
async def test_other_processes_see_nothing(
    db_session: AsyncSession, worker_database: Database
) -> None:
    assert await rows_that_others_see(db_session, worker_database) == 0


@real
async def test_other_processes_see_what_is_committed(
    db_session: AsyncSession, worker_database: Database
) -> None:
    assert await rows_that_others_see(db_session, worker_database) == 1


# A SELECT that writes


async def test_a_function_that_writes_is_not_taken_for_a_read(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE left_calls (id int)"))
        await connection.execute(
            text(
                "CREATE FUNCTION call() RETURNS int LANGUAGE sql "
                "AS 'INSERT INTO left_calls VALUES (1) RETURNING id'"
            )
        )
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT call()")) == 1
        await connection.rollback()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM left_calls")) == 0


HIDDEN_CALLS = {
    "by a function that says it only reads": (
        "CREATE FUNCTION left_reads() RETURNS int STABLE LANGUAGE sql AS 'SELECT call(1)'",
        "SELECT left_reads()",
    ),
    "by the default of an argument": (
        "CREATE FUNCTION left_reads(n int = call(1)) RETURNS int STABLE LANGUAGE sql AS 'SELECT n'",
        "SELECT left_reads()",
    ),
    "by an aggregate": (
        "CREATE AGGREGATE left_last (int) (SFUNC = call_twice, STYPE = int)",
        "SELECT left_last(n) FROM generate_series(1, 1) AS n",
    ),
}


@pytest.mark.parametrize("how", HIDDEN_CALLS)
async def test_a_function_that_writes_is_found_behind_others(engine: AsyncEngine, how: str) -> None:
    define, call = HIDDEN_CALLS[how]
    async with engine.begin() as connection:
        for statement in (
            "CREATE TABLE left_calls (id int)",
            """
            CREATE FUNCTION call(n int) RETURNS int LANGUAGE sql
            AS 'INSERT INTO left_calls VALUES (n) RETURNING id'
            """,
            """
            CREATE FUNCTION call_twice(last int, n int) RETURNS int LANGUAGE sql
            AS 'INSERT INTO left_calls VALUES (n), (n) RETURNING id'
            """,
            define,
        ):
            await connection.execute(text(statement))
    async with engine.connect() as connection:
        assert await connection.scalar(text(call)) == 1
        await connection.rollback()
        assert await connection.scalar(text("SELECT count(*) FROM left_calls")) == 0


async def test_a_function_that_is_called_as_a_column_is_not_taken_for_one(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as connection:
        for statement in (
            "CREATE TABLE left_visits (count int)",
            "INSERT INTO left_visits VALUES (0)",
            """
            CREATE FUNCTION visit(left_visits) RETURNS int LANGUAGE sql
            AS 'UPDATE left_visits SET count = count + 1 RETURNING count'
            """,
        ):
            await connection.execute(text(statement))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT v.visit FROM left_visits AS v")) == 1
        await connection.rollback()
        assert await connection.scalar(text("SELECT (v).visit FROM left_visits AS v")) == 1
        await connection.rollback()
        assert await connection.scalar(text("SELECT (ROW(0)::left_visits).visit")) == 1


async def test_a_view_that_writes_is_rolled_back(engine: AsyncEngine) -> None:
    await create_writing_view(engine)
    assert await calls_after_a_rollback(engine) == 0


async def create_writing_view(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for statement in (
            "CREATE TABLE left_calls (id int)",
            (
                "CREATE FUNCTION call() RETURNS int LANGUAGE sql "
                "AS 'INSERT INTO left_calls VALUES (1) RETURNING id'"
            ),
            "CREATE VIEW left_view AS SELECT call() AS called",
        ):
            await connection.execute(text(statement))


async def calls_after_a_rollback(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT called FROM left_view"))
        await connection.rollback()
        count: int = await connection.scalar(text("SELECT count(*) FROM left_calls"))
        return count
