"""The event loop of the tests, and what happens in another one."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from probe.models import Account
from tests.rows.conftest import Names, sandbox_only

from app.database import Sessionmaker
from dev.sandbox import SandboxError


async def test_the_chosen_event_loop_runs(request: pytest.FixtureRequest) -> None:
    chosen = request.config.getoption("--loop")
    assert type(asyncio.get_running_loop()).__module__.startswith(chosen)


@sandbox_only
async def test_a_different_event_loop_is_refused_and_the_error_says_what_to_do(
    sessions: Sessionmaker, client: AsyncClient, names: Names
) -> None:
    """Starlette's TestClient runs the application in a loop of its own."""

    async def write_elsewhere() -> None:
        async with sessions.begin() as session:
            session.add(Account(name="elsewhere"))

    with ThreadPoolExecutor() as threads:
        # As the TestClient does, it blocks the loop of the tests meanwhile.
        error = threads.submit(asyncio.run, write_elsewhere()).exception(timeout=10)
    assert isinstance(error, SandboxError)
    assert "on a different event loop" in str(error)
    assert "Use the fixture `client`" in str(error)
    assert (await client.post("/accounts", json={"name": "here"})).status_code == 201
    assert await names() == ["here"]


@sandbox_only
async def test_the_test_client_leads_to_the_fixture_client(app: FastAPI) -> None:
    """And not to another package, which a warning of its own recommends."""
    from starlette.testclient import TestClient  # noqa: PLC0415 (it warns when imported)

    with pytest.raises(SandboxError, match="Use the fixture `client` instead of Starlette's Test"):
        TestClient(app).get("/names")
