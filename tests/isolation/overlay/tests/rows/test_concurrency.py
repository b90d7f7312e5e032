"""Any number of requests, sessions and tasks at once."""

import asyncio
from collections import Counter

from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import TextClause, func, select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.rows.conftest import Names

from app.database import Sessionmaker
from tests.fixtures.engine import Connect


async def test_concurrent_requests_are_served_as_by_a_real_server(
    client: AsyncClient, names: Names
) -> None:
    responses = await asyncio.gather(
        *(client.post("/accounts", json={"name": f"n{i % 25}"}) for i in range(40))
    )
    assert Counter(response.status_code for response in responses) == {201: 25, 409: 15}
    assert len(await names()) == 25


async def test_concurrent_reads_and_writes_do_not_disturb_each_other(
    client: AsyncClient, names: Names
) -> None:
    writes = [client.post("/accounts", json={"name": f"n{i}"}) for i in range(10)]
    reads = [client.get("/names") for _ in range(10)]
    responses = await asyncio.gather(
        *(call for pair in zip(writes, reads, strict=False) for call in pair)
    )
    assert Counter(response.status_code for response in responses) == {201: 10, 200: 10}
    assert len(await names()) == 10


async def test_more_transactions_than_the_pool_has_connections_wait_for_one(
    engine: AsyncEngine, sessions: Sessionmaker, names: Names
) -> None:
    async def write(name: str) -> None:
        async with sessions.begin() as session:
            session.add(Account(name=name))

    await asyncio.gather(*(write(f"n{i}") for i in range(50)))
    assert len(await names()) == 50
    assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]  # that of `names`


async def test_one_session_for_several_tasks_is_an_error(sessions: Sessionmaker) -> None:
    """In production it works whenever the pool has a connection ready, and fails otherwise."""
    async with sessions() as session:
        reads = [session.scalars(select(Account.name)) for _ in range(2)]
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(InvalidRequestError) == 1


async def test_a_rolled_back_row_is_never_seen(sessions: Sessionmaker) -> None:
    written = asyncio.Event()

    async def writer() -> None:
        async with sessions() as session:
            session.add(Account(name="uncommitted"))
            await session.flush()
            written.set()
            await asyncio.sleep(0.05)
            await session.rollback()

    async def reader() -> list[str]:
        await written.wait()
        async with sessions() as session:
            return list((await session.scalars(select(Account.name))).all())

    _, found = await asyncio.gather(writer(), reader())
    assert found == []


async def test_a_rollback_of_a_reader_loses_no_commit_of_others(
    client: AsyncClient, sessions: Sessionmaker, names: Names
) -> None:
    async with sessions() as session:
        await session.scalars(select(Account))
        await client.post("/background/z")
        await session.rollback()
    assert await names() == ["z", "z-later"]


async def test_many_readers_can_be_open_while_another_transaction_writes(
    sessions: Sessionmaker, names: Names
) -> None:
    async with sessions() as first, sessions() as second:
        await first.scalars(select(Account))
        await second.scalars(select(Account))
        async with sessions.begin() as writer:
            writer.add(Account(name="written"))
        assert (await first.scalars(select(Account.name))).all() == ["written"]
        assert (await second.scalars(select(Account.name))).all() == ["written"]
    assert await names() == ["written"]


async def test_two_tasks_on_one_connection_are_refused_as_by_asyncpg(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        results = await asyncio.gather(
            driver.fetchval("SELECT 1"), driver.fetchval("SELECT 2"), return_exceptions=True
        )
    assert results[0] == 1
    assert "another operation is in progress" in str(results[1])


async def test_a_second_engine_sees_what_the_first_has_committed(
    client: AsyncClient, connect: Connect
) -> None:
    """As a read replica would."""
    replica = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    await client.post("/accounts", json={"name": "replicated"})
    async with replica.connect() as connection:
        found = (await connection.execute(text("SELECT name FROM accounts"))).scalars().all()
    await replica.dispose()
    assert found == ["replicated"]


COUNT = select(func.count()).select_from(Account)


def insert(name: str) -> TextClause:
    return text("INSERT INTO accounts (name) VALUES (:name)").bindparams(name=name)


async def test_the_methods_of_several_sessions_can_be_gathered(
    sessions: Sessionmaker, names: Names
) -> None:
    async with sessions() as one, sessions() as other, sessions() as third:
        reads = (session.scalar(COUNT) for session in (one, other, third))
        assert await asyncio.gather(*reads) == [0, 0, 0]
        one.add(Account(name="one"))
        other.add(Account(name="other"))
        await asyncio.gather(one.commit(), other.commit(), third.execute(COUNT))
    assert sorted(await names()) == ["one", "other"]


async def test_the_methods_of_several_connections_can_be_gathered(engine: AsyncEngine) -> None:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommit.connect() as one, autocommit.connect() as other:
        await asyncio.gather(one.execute(insert("one")), other.execute(insert("other")))
        async with asyncio.TaskGroup() as group:
            counts = [group.create_task(each.scalar(COUNT)) for each in (one, other)]
    assert [count.result() for count in counts] == [2, 2]


async def test_a_session_can_be_used_while_another_one_executes_in_a_task(
    sessions: Sessionmaker, names: Names
) -> None:
    async with sessions() as busy, sessions() as second, sessions() as third:
        reading = asyncio.create_task(busy.execute(text("SELECT pg_sleep(0.05)")))
        await asyncio.sleep(0.01)
        await second.execute(insert("second"))
        writing = asyncio.create_task(third.execute(insert("third")))
        await reading
        await second.commit()
        await writing
        await third.commit()
    assert await names() == ["second", "third"]
