"""Deferred constraints are checked where the application commits, as in production."""

import asyncpg
import pytest
from httpx import AsyncClient
from probe.models import Account, Post
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import Sessionmaker


async def test_a_deferred_foreign_key_is_checked_at_the_commit(client: AsyncClient) -> None:
    assert (await client.post("/orphan")).status_code == 409


async def test_a_deferred_foreign_key_is_not_checked_before_the_commit(
    sessions: Sessionmaker, db_session: AsyncSession
) -> None:
    async with sessions.begin() as session:
        await session.execute(text("INSERT INTO posts (account_id) VALUES (4711)"))
        insert = "INSERT INTO accounts (id, name) OVERRIDING SYSTEM VALUE VALUES (4711, 'late')"
        await session.execute(text(insert))
    assert await db_session.scalar(text("SELECT count(*) FROM posts")) == 1


async def test_a_deferred_foreign_key_is_deferred_again_in_the_next_transaction(
    sessions: Sessionmaker,
) -> None:
    for number in range(2):
        async with sessions() as session:
            session.add(Post(account_id=-1))
            await session.flush()  # not yet an error
            with pytest.raises(IntegrityError):
                await session.commit()
            await session.rollback()
            session.add(Account(name=f"usable {number}"))
            await session.commit()


@pytest.mark.parametrize("amounts", [(1, -1), (1, 1)])
async def test_a_deferred_trigger_in_another_schema_fires_at_the_commit(
    engine: AsyncEngine, db_session: AsyncSession, amounts: tuple[int, int]
) -> None:
    async with engine.connect() as connection:
        for amount in amounts:
            insert = text("INSERT INTO ledger.entries VALUES ('a', :amount)")
            await connection.execute(insert, {"amount": amount})
        if sum(amounts):
            with pytest.raises(IntegrityError, match="does not balance"):
                await connection.commit()
        else:
            await connection.commit()
    count = await db_session.scalar(text("SELECT count(*) FROM ledger.entries"))
    assert count == (0 if sum(amounts) else 2)


async def test_a_constraint_that_a_transaction_defers_itself_is_checked_at_its_commit(
    engine: AsyncEngine,
) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SET CONSTRAINTS fk_pairs_partner DEFERRED"))
        await connection.execute(text("INSERT INTO pairs VALUES (1, 2)"))
        with pytest.raises(IntegrityError):
            await connection.commit()
    async with engine.connect() as connection:
        with pytest.raises(IntegrityError):  # deferred by the other transaction alone
            await connection.execute(text("INSERT INTO pairs VALUES (1, 2)"))


async def test_a_statement_outside_a_transaction_fails_if_it_violates_a_deferred_constraint(
    db_session: AsyncSession,
) -> None:
    with pytest.raises(IntegrityError):
        await db_session.execute(text("INSERT INTO posts (account_id) VALUES (-1)"))
    assert await db_session.scalar(text("SELECT count(*) FROM posts")) == 0


async def test_a_constraint_that_the_test_itself_creates_is_checked(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "CREATE TABLE left_pairs (id int PRIMARY KEY, other int REFERENCES left_pairs "
                "DEFERRABLE INITIALLY DEFERRED)"
            )
        )
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO left_pairs VALUES (1, 2)"))
        with pytest.raises(IntegrityError):
            await connection.commit()


async def test_a_constraint_that_the_test_drops_is_no_longer_checked(
    engine: AsyncEngine, db_session: AsyncSession
) -> None:
    await db_session.execute(text("ALTER TABLE posts DROP CONSTRAINT fk_posts_account_id"))
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO posts (account_id) VALUES (-1)"))
    assert await db_session.scalar(text("SELECT count(*) FROM posts")) == 1


async def test_the_error_of_a_failed_commit_says_which_constraint_it_was(
    sessions: Sessionmaker,
) -> None:
    async with sessions() as session:
        session.add(Post(account_id=-1))
        with pytest.raises(DBAPIError) as caught:
            await session.commit()
    assert caught.value.orig is not None
    cause = caught.value.orig.__cause__
    assert isinstance(cause, asyncpg.ForeignKeyViolationError)
    assert cause.constraint_name == "fk_posts_account_id"
