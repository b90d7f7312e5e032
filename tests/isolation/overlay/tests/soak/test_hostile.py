"""Thousands of tests in one process, a tenth of them hostile."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture(autouse=True)
async def nothing_is_left(client: AsyncClient) -> None:
    assert (await client.get("/names")).json() == []


async def friendly(client: AsyncClient, engine: AsyncEngine) -> None:
    created = await client.post("/accounts", json={"name": "friendly"})
    assert (await client.get(f"/accounts/{created.json()['id']}")).status_code == 200


async def cancelled(client: AsyncClient, engine: AsyncEngine) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.post("/slow/cancelled"), 0.005)


async def at_once(client: AsyncClient, engine: AsyncEngine) -> None:
    names = [f"at once {number % 5}" for number in range(10)]
    responses = await asyncio.gather(
        *(client.post("/accounts", json={"name": name}) for name in names)
    )
    assert sorted(response.status_code for response in responses) == [201] * 5 + [409] * 5


async def failing(client: AsyncClient, engine: AsyncEngine) -> None:
    assert (await client.post("/orphan")).status_code == 409
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT 1/0"))


async def stateful(client: AsyncClient, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL app.tenant = 'x'"))
        await connection.execute(text("SELECT pg_advisory_lock(1)"))
        await connection.execute(text("CREATE TEMP TABLE scratch (id int)"))


HOSTILE: list[Callable[[AsyncClient, AsyncEngine], Awaitable[None]]] = [
    cancelled,
    at_once,
    failing,
    stateful,
]


@pytest.mark.parametrize("number", range(5000))
async def test_one_of_many(client: AsyncClient, engine: AsyncEngine, number: int) -> None:
    work = friendly if number % 10 else HOSTILE[number // 10 % len(HOSTILE)]
    await work(client, engine)
