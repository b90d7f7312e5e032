"""Failures of statements and transactions have the effects that they have in production."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm.exc import StaleDataError
from tests.rows.conftest import Names

from app.database import Sessionmaker


async def test_a_request_that_fails_does_not_undo_what_the_test_prepared(
    client: AsyncClient, db_session: AsyncSession, names: Names
) -> None:
    db_session.add(Account(name="dup"))
    await db_session.flush()
    assert (await client.post("/accounts", json={"name": "dup"})).status_code == 409
    assert await names() == ["dup"]


async def test_commits_and_rollbacks_within_a_request_end_where_they_would(
    client: AsyncClient, names: Names
) -> None:
    assert (await client.post("/commit-twice/x")).status_code == 200
    assert await names() == ["x-1", "x-2"]


async def test_a_crashed_request_leaves_nothing(
    production_client: AsyncClient, names: Names
) -> None:
    assert (await production_client.post("/crash/x")).status_code == 500
    assert await names() == []
    assert (await production_client.post("/accounts", json={"name": "x"})).status_code == 201


async def test_the_client_raises_what_the_application_does_not_handle(client: AsyncClient) -> None:
    with pytest.raises(RuntimeError, match="crashed"):
        await client.post("/crash/x")


async def test_a_failed_statement_outside_a_transaction_spoils_nothing(
    db_session: AsyncSession, names: Names
) -> None:
    for wrong in ("SELECT 1/0", "INSERT INTO accounts (name) VALUES (NULL)", "SELECT nonsense"):
        with pytest.raises(DBAPIError):
            await db_session.execute(text(wrong))
    assert await names() == []


@pytest.mark.parametrize("first", ["SELECT 1", "INSERT INTO accounts (name) VALUES ('a')"])
@pytest.mark.parametrize("wrong", ["SELECT 1/0", "INSERT INTO accounts (name) VALUES (NULL)"])
async def test_a_failed_statement_aborts_its_transaction_and_no_other(
    engine: AsyncEngine, names: Names, first: str, wrong: str
) -> None:
    async with engine.connect() as connection:
        await connection.execute(text(first))
        with pytest.raises(DBAPIError):
            await connection.execute(text(wrong))
        with pytest.raises(DBAPIError, match="current transaction is aborted"):
            await connection.execute(text("SELECT 1"))
        with pytest.raises(DBAPIError, match="current transaction is aborted"):
            await connection.execute(text("INSERT INTO accounts (name) VALUES ('b')"))
        await connection.rollback()
        assert await connection.scalar(text("SELECT 1")) == 1
    assert await names() == []


@pytest.mark.parametrize("wrong", ["SELECT 1/0", "INSERT INTO accounts (name) VALUES (NULL)"])
async def test_the_commit_of_an_aborted_transaction_rolls_back_without_an_error(
    engine: AsyncEngine, names: Names, wrong: str
) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('a')"))
        with pytest.raises(DBAPIError):
            await connection.execute(text(wrong))
        await connection.commit()
    assert await names() == []


async def test_a_failed_read_is_not_the_loss_of_another_transactions_commit(
    engine: AsyncEngine, names: Names
) -> None:
    async with engine.connect() as reader:
        await reader.execute(text("SELECT 1"))
        async with engine.begin() as writer:
            await writer.execute(text("INSERT INTO accounts (name) VALUES ('a')"))
        with pytest.raises(DBAPIError):
            await reader.execute(text("SELECT 1/0"))
        async with engine.begin() as writer:
            await writer.execute(text("INSERT INTO accounts (name) VALUES ('b')"))
        await reader.rollback()
    assert await names() == ["a", "b"]


async def test_arguments_that_asyncpg_refuses_do_not_abort_the_transaction(
    engine: AsyncEngine, names: Names
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('a')"))
        with pytest.raises(DBAPIError, match="invalid input"):
            await connection.execute(text("SELECT CAST(:x AS int)"), {"x": "no number"})
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('b')"))
    assert await names() == ["a", "b"]


async def test_the_applications_own_savepoints_work(client: AsyncClient, names: Names) -> None:
    assert (await client.post("/nested/n")).status_code == 200
    assert await names() == ["n", "n-after"]


async def test_savepoints_within_savepoints_work(sessions: Sessionmaker, names: Names) -> None:
    async with sessions.begin() as session, session.begin_nested():
        session.add(Account(name="outer"))
        inner = await session.begin_nested()
        session.add(Account(name="inner"))
        await session.flush()
        await inner.rollback()
        await session.begin_nested()
        session.add(Account(name="second inner"))
    assert await names() == ["outer", "second inner"]


async def test_core_and_a_connections_own_transactions_are_undone_as_well(
    client: AsyncClient, engine: AsyncEngine, names: Names
) -> None:
    """The next test sees nothing of it; that is `clean_start`."""
    await client.post("/core/x")
    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('y')"))
        await connection.commit()
    assert await names() == ["x", "y"]


async def test_a_failed_flush_leaves_the_tests_session_usable(
    db_session: AsyncSession, names: Names
) -> None:
    kept = Account(name="kept")
    db_session.add(kept)
    await db_session.flush()
    db_session.add(Account(name="kept"))
    with pytest.raises(IntegrityError):
        await db_session.flush()
    assert kept in db_session
    assert kept.name == "kept"
    assert await names() == ["kept"]
    kept.note = "changed"
    await db_session.flush()
    found = (await db_session.execute(select(Account.note))).scalar_one()
    assert found == "changed"


async def test_a_commit_that_fails_leaves_the_tests_session_usable(
    db_session: AsyncSession, names: Names
) -> None:
    kept = Account(name="kept")
    db_session.add(kept)
    await db_session.commit()
    db_session.add(Account(name="kept"))
    with pytest.raises(IntegrityError):
        await db_session.commit()
    assert kept.name == "kept"
    kept.name = "changed"
    await db_session.commit()
    assert await names() == ["changed"]


async def test_a_block_that_fails_at_its_end_raises_that(
    db_session: AsyncSession, names: Names
) -> None:
    await db_session.commit()
    with pytest.raises(IntegrityError):
        async with db_session.begin():
            db_session.add_all([Account(name="twice"), Account(name="twice")])
    assert await names() == []
    with pytest.raises(DBAPIError, match="SAVEPOINT can only be used in transaction blocks"):
        async with db_session.begin_nested():
            db_session.add(Account(name="nested"))


async def test_a_failed_flush_is_raised_even_if_others_have_deleted_rows_of_the_session(
    db_session: AsyncSession, sessions: Sessionmaker, names: Names
) -> None:
    kept, gone = Account(name="kept"), Account(name="gone")
    db_session.add_all([gone, kept])
    await db_session.flush()
    async with sessions.begin() as session:
        await session.delete(await session.get_one(Account, gone.id))
    db_session.add(Account(name="kept"))
    with pytest.raises(IntegrityError):
        await db_session.flush()
    assert kept.name == "kept"
    assert gone not in db_session
    assert await names() == ["kept"]


async def test_a_flush_that_sqlalchemy_or_a_hook_rejects_leaves_the_tests_session_usable(
    db_session: AsyncSession, sessions: Sessionmaker, names: Names
) -> None:
    kept, gone = Account(name="kept"), Account(name="gone")
    db_session.add_all([gone, kept])
    await db_session.flush()
    async with sessions.begin() as session:
        await session.delete(await session.get_one(Account, gone.id))
    gone.note = "changed"
    with pytest.raises(StaleDataError):
        await db_session.flush()
    db_session.add(Account(name="rejected"))
    with rejected_inserts(), pytest.raises(LookupError):
        await db_session.flush()
    kept.name = "changed"
    await db_session.flush()
    assert await names() == ["changed"]


@contextmanager
def rejected_inserts() -> Iterator[None]:
    def reject(*_: object) -> None:
        raise LookupError

    event.listen(Account, "before_insert", reject)
    try:
        yield
    finally:
        event.remove(Account, "before_insert", reject)
