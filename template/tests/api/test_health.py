from contextlib import AsyncExitStack

import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from app.main import create_app
from app.settings import Settings
from tests.api.contract import assert_problem

UNREACHABLE = Settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"))


async def get(app: FastAPI, *paths: str) -> list[int]:
    """Start the application, and return the status of each path."""
    transport = ASGITransport(app=app)
    async with (
        LifespanManager(app),
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        return [(await client.get(path)).status_code for path in paths]


async def test_live_is_200(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).status_code == 200


async def test_ready_is_200_with_a_database(client: AsyncClient) -> None:
    assert (await client.get("/health/ready")).status_code == 200


async def test_ready_tells_busy_from_gone(
    app: FastAPI, client: AsyncClient, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        for _ in range(settings.database_pool_size + settings.database_max_overflow):
            await stack.enter_async_context(engine.connect())
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "busy"})
    assert "all connections to the database are in use" in caplog.text
    assert (await client.get("/health/ready")).json() == {"status": "ok"}


async def test_service_starts_without_a_database_and_is_live() -> None:
    assert await get(create_app(UNREACHABLE), "/health/live") == [200]


async def test_ready_is_503_without_a_database_and_logs_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await get(create_app(UNREACHABLE), "/health/ready") == [503]
    assert "not ready: cannot connect to the database: " in caplog.text


async def test_an_unknown_path_returns_a_problem(client: AsyncClient) -> None:
    assert_problem(await client.get("/no/such/path"), 404)


async def test_an_unsupported_method_returns_a_problem(client: AsyncClient) -> None:
    assert_problem(await client.delete("/health/live"), 405)
