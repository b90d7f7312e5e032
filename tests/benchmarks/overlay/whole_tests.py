"""What a test pays for its fixtures, and what a test in the sandbox takes against one without.

Runs inside a rendered project (`nox -s bench`) with the plugin `stopwatch`, which interleaves the
tests and prints; no time fails.
"""

import itertools
from collections.abc import AsyncIterator

import httpx
import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.main import create_app
from app.settings import Settings
from dev.databases import Databases

ROUNDS = 400

numbers = itertools.count()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("round", range(ROUNDS))


@pytest.fixture(scope="session")
async def plain_client(databases: Databases) -> AsyncIterator[httpx.AsyncClient]:
    """No isolation: the application's own engine, and a client that is made once. Each test finds
    the rows of those before it."""
    database = await databases.clone("plain")
    url = database.url.render_as_string(hide_password=False)
    app = create_app(Settings(_env_file=None, database_url=SecretStr(url)))
    transport = httpx.ASGITransport(app)
    async with (
        LifespanManager(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client
    await databases.drop(database)


async def test_empty(round: int) -> None:
    pass


async def test_engine(engine: AsyncEngine, round: int) -> None:
    pass


async def test_app(app: FastAPI, round: int) -> None:
    pass


async def test_client(client: httpx.AsyncClient, round: int) -> None:
    pass


async def test_db_session(db_session: AsyncSession, round: int) -> None:
    pass


async def post_and_get(client: httpx.AsyncClient) -> None:
    created = await client.post("/items", json={"name": f"name {next(numbers)}"})
    assert created.status_code == 201
    assert (await client.get(created.headers["location"])).status_code == 200


async def test_post_and_get_without_isolation(plain_client: httpx.AsyncClient, round: int) -> None:
    await post_and_get(plain_client)


async def test_post_and_get_in_the_sandbox(client: httpx.AsyncClient, round: int) -> None:
    await post_and_get(client)
