"""Thousands of tests in one process, a tenth of them hostile."""

import asyncio
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

TESTS = 5000
MODULES = ("app", "asyncio", "asyncpg", "fastapi", "httpx", "sqlalchemy", "starlette", "tests")
durations: list[float] = []
counts: list[int] = []


def objects() -> int:
    """How many objects there are of all the classes that a test of the application uses.

    pytest's own are left out: it keeps its reports until the run ends.
    """
    gc.collect()
    return sum(str(type(one).__module__).startswith(MODULES) for one in gc.get_objects())


@pytest.fixture(autouse=True)
async def sample(client: AsyncClient) -> AsyncIterator[None]:
    """Notes how long each test took, and now and then how many objects there are."""
    assert (await client.get("/names")).json() == []
    start = time.perf_counter()
    yield
    durations.append(time.perf_counter() - start)
    if len(durations) in {TESTS // 10, TESTS}:
        counts.append(objects())


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


@pytest.mark.parametrize("number", range(TESTS))
async def test_one_of_many(client: AsyncClient, engine: AsyncEngine, number: int) -> None:
    work = friendly if number % 10 else HOSTILE[number // 10 % len(HOSTILE)]
    await work(client, engine)


@pytest.fixture(scope="session", autouse=True)
def write_samples() -> Iterator[None]:
    yield
    Path(os.environ["SAMPLES"]).write_text(json.dumps([durations, counts]))
