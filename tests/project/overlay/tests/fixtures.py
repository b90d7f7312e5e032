"""What another project passes to `dev`: how it reads URLs, and makes its engine and application."""

import os
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dev.databases import open_databases
from dev.isolation import DatabaseIsolation
from dev.plugin import SERVER, has_failed, is_committed, keeps_databases, rebuilds


def pytest_database_url(text: str) -> URL:
    return make_url(text).set(drivername="postgresql+asyncpg")


@pytest.fixture(scope="session")
async def isolation(request: pytest.FixtureRequest) -> AsyncIterator[DatabaseIsolation]:
    server = request.config.stash[SERVER]
    server.wait_until_ready()
    async with open_databases(
        server,
        request.config.rootpath,
        worker=os.environ.get("PYTEST_XDIST_WORKER", "main"),
        committed_tests=sum(map(is_committed, request.session.items)),
        rebuild=rebuilds(request.config),
    ) as databases:
        database = await databases.clone("worker")
        isolation = DatabaseIsolation(
            partial(create_async_engine, database.url), create_app, databases, database
        )
        await isolation.open()
        yield isolation
        await isolation.close()
        assert await databases.drop(database) == []


def create_app(engine: AsyncEngine) -> FastAPI:
    return FastAPI()


@pytest.fixture
def engine(request: pytest.FixtureRequest, isolation: DatabaseIsolation) -> Iterator[AsyncEngine]:
    test: pytest.Item = request.node
    isolation.enter(test.nodeid, committed=is_committed(test))
    yield isolation.engine
    outcome = isolation.leave(failed=has_failed(test), keep=keeps_databases(test.config))
    assert outcome.findings == []
