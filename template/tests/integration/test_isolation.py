"""Canaries: if one of these fails, tests may no longer start on a clean database."""

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import create_engine
from app.settings import Settings
from dev.sandbox import SandboxError

CREATE = """
    CREATE TABLE test_canaries (
        id int PRIMARY KEY,
        partner int REFERENCES test_canaries DEFERRABLE INITIALLY DEFERRED
    )
"""
INSERT = text("INSERT INTO test_canaries VALUES (:id, :partner)")
IDS = text("SELECT id FROM test_canaries ORDER BY id")


@pytest.fixture(autouse=True)
async def canaries(db_session: AsyncSession) -> None:
    """Fails if an earlier test has left the table behind."""
    await db_session.execute(text(CREATE))


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_what_a_test_commits_is_gone_in_the_next_test(
    engine: AsyncEngine, db_session: AsyncSession, attempt: str
) -> None:
    async with engine.begin() as connection:
        await connection.execute(INSERT, {"id": 1, "partner": None})
    assert (await db_session.scalars(IDS)).all() == [1]


async def test_concurrent_transactions_all_succeed(
    engine: AsyncEngine, db_session: AsyncSession
) -> None:
    async def insert(id: int) -> None:
        async with engine.begin() as connection:
            await connection.execute(IDS)
            await connection.execute(INSERT, {"id": id, "partner": None})

    await asyncio.gather(*(insert(id) for id in range(20)))
    assert (await db_session.scalars(IDS)).all() == list(range(20))


async def test_a_rollback_undoes_only_its_own_transaction(
    engine: AsyncEngine, db_session: AsyncSession
) -> None:
    async with engine.connect() as connection:
        await connection.execute(INSERT, {"id": 1, "partner": None})
        await connection.commit()
        await connection.execute(INSERT, {"id": 2, "partner": None})
        await connection.rollback()
    assert (await db_session.scalars(IDS)).all() == [1]


async def test_a_cancelled_transaction_is_rolled_back_and_others_go_on(
    engine: AsyncEngine, db_session: AsyncSession
) -> None:
    async def insert_slowly() -> None:
        async with engine.begin() as connection:
            await connection.execute(INSERT, {"id": 1, "partner": None})
            await connection.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(insert_slowly(), 0.05)
    async with engine.begin() as connection:
        await connection.execute(INSERT, {"id": 2, "partner": None})
    assert (await db_session.scalars(IDS)).all() == [2]


async def test_a_deferred_constraint_is_checked_on_commit(
    engine: AsyncEngine, db_session: AsyncSession
) -> None:
    async with engine.connect() as connection:
        await connection.execute(INSERT, {"id": 1, "partner": 2})
        with pytest.raises(IntegrityError):
            await connection.commit()
    assert (await db_session.scalars(IDS)).all() == []


async def test_a_transaction_local_setting_ends_with_the_transaction(engine: AsyncEngine) -> None:
    current = select(func.current_setting("app.canary", True))
    async with engine.begin() as connection:
        await connection.execute(select(func.set_config("app.canary", "sings", True)))
        assert await connection.scalar(current) == "sings"
    async with engine.connect() as connection:
        assert not await connection.scalar(current)


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_session_lock_is_released_when_the_test_ends(
    db_session: AsyncSession, attempt: str
) -> None:
    held = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    )
    assert await db_session.scalar(held) == 0
    await db_session.execute(select(func.pg_advisory_lock(4711)))
    assert await db_session.scalar(held) == 1


@pytest.mark.committed
async def test_a_committed_test_has_real_transactions(engine: AsyncEngine) -> None:
    ids = set()
    for _ in range(2):
        async with engine.begin() as connection:
            ids.add(await connection.scalar(select(func.txid_current())))
    assert len(ids) == 2


async def test_the_database_of_the_environment_cannot_be_reached() -> None:
    engine = create_engine(Settings(_env_file=None))
    with pytest.raises(SandboxError, match="DATABASE_URL is closed"):
        async with engine.connect():
            pass
    await engine.dispose()
