"""What a project without a service passes to `dev`: how it reads URLs and makes its engine."""

import os
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dev.databases import Database, open_databases
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
        home: Database = await databases.clone("worker")
        isolation = DatabaseIsolation(partial(create_async_engine, home.url), databases, home)
        await isolation.open()
        yield isolation
        await isolation.close()
        assert await databases.drop(home) == []


@pytest.fixture
async def engine(
    request: pytest.FixtureRequest, isolation: DatabaseIsolation
) -> AsyncIterator[AsyncEngine]:
    test: pytest.Item = request.node
    committed = is_committed(test)
    if committed:
        await isolation.enter_clone()
    else:
        await isolation.enter_sandbox(test.nodeid)
    yield isolation.engine
    leave = isolation.leave_clone if committed else isolation.leave_sandbox
    findings, _ = await leave(has_failed(test), keeps_databases(test.config))
    assert findings == []
