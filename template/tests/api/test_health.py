from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import Pool

from app import health
from app.health import DatabaseProbe
from app.main import create_app
from app.settings import Settings
from dev.lifespan import started
from tests.api.contract import assert_problem


@pytest.fixture(autouse=True)
def long_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test depend on how fast this machine is."""
    monkeypatch.setattr(health, "TIMEOUT", 60)


@pytest.fixture
def app_without_database() -> FastAPI:
    url = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    return create_app(Settings(_env_file=None, database_url=url))


async def get(app: FastAPI, *paths: str) -> list[int]:
    """Start the application, and return the status of each path."""
    transport = ASGITransport(app=app)
    async with (
        started(app),
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        return [(await client.get(path)).status_code for path in paths]


async def test_live_is_200(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).status_code == 200


async def test_ready_is_200_with_a_database(client: AsyncClient) -> None:
    assert (await client.get("/health/ready")).status_code == 200


async def test_ready_asks_the_database_each_time(client: AsyncClient) -> None:
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for _ in range(2):
            assert (await client.get("/health/ready")).json() == {"status": "ok"}
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(sent) == 2


async def test_the_database_is_busy_when_all_that_may_be_opened_are_in_use(
    engine: AsyncEngine, settings: Settings
) -> None:
    two = {"database_pool_size": 1, "database_max_overflow": 1}
    probe = DatabaseProbe(engine, settings.model_copy(update=two))
    async with engine.connect():
        assert not probe.is_busy()
        async with engine.connect():
            assert probe.is_busy()
    await probe.close()


async def test_the_connection_of_ready_is_closed_with_the_application(
    app: FastAPI, engine: AsyncEngine
) -> None:
    closed: list[object] = []

    def note(connection: object, _: object) -> None:
        closed.append(connection)

    service = create_app(app.state.settings, engine)
    event.listen(Pool, "close", note)
    try:
        async with started(service):
            await service.state.probe.ask()
            assert closed == []
    finally:
        event.remove(Pool, "close", note)
    assert len(closed) == 1


def test_openapi_tells_that_ready_can_be_503(app: FastAPI) -> None:
    assert "503" in app.openapi()["paths"]["/health/ready"]["get"]["responses"]


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


async def test_service_starts_without_a_database_and_is_live(
    app_without_database: FastAPI,
) -> None:
    assert await get(app_without_database, "/health/live") == [200]


async def test_ready_is_503_without_a_database_and_logs_why(
    app_without_database: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    assert await get(app_without_database, "/health/ready") == [503]
    assert "not ready: cannot connect to the database: " in caplog.text


async def test_an_unknown_path_returns_a_problem(client: AsyncClient) -> None:
    assert_problem(await client.get("/no/such/path"), 404)


async def test_an_unsupported_method_returns_a_problem(client: AsyncClient) -> None:
    assert_problem(await client.delete("/health/live"), 405)
