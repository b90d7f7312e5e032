"""What the application factory makes of its arguments."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from unittest.mock import Mock

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware.errors import ServerErrorMiddleware

from app import database_telemetry, log_format, main, resources
from app.main import create_app
from app.settings import Settings
from dev.lifespan import started

URL = SecretStr("postgresql://nobody@127.0.0.1:1/none")


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, database_url=URL, **values)


def test_without_arguments_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_BODY_SIZE", "77")
    assert create_app().state.settings.max_body_size == 77


def test_logs_are_configured_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    configured: list[tuple[str, str]] = []
    monkeypatch.setattr(log_format, "configure", lambda *arguments: configured.append(arguments))
    create_app(settings(log_level="WARNING"))
    assert configured == [("development", "WARNING")]


def test_each_limit_of_the_settings_is_enforced() -> None:
    limits = {
        "max_concurrent_requests": 11,
        "request_body_timeout": 12,
        "max_body_size": 13,
        "max_json_depth": 14,
        "max_json_values": 15,
    }
    app = create_app(settings(**limits))
    found = [middleware.kwargs for middleware in app.user_middleware]
    for enforced in (
        {"max_requests": 11},
        {"body_timeout": 12},
        {"max_body_size": 13},
        {"max_depth": 14, "max_values": 15},
    ):
        assert enforced in found


def test_packages_that_instrument_fastapi_find_the_outermost_middleware_that_they_expect() -> None:
    assert isinstance(create_app(settings()).build_middleware_stack(), ServerErrorMiddleware)


def test_the_middleware_can_be_built_again() -> None:
    app = create_app(settings())
    before = [*app.user_middleware]
    for _ in range(2):
        app.build_middleware_stack()
    assert app.user_middleware == before


def test_openapi_describes_the_problems_of_every_endpoint(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    endpoints = [endpoint for path in paths.values() for endpoint in path.values()]
    assert endpoints
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {"application/problem+json": {"schema": schema}}
    for endpoint in endpoints:
        assert endpoint["responses"]["400"] == {"description": "Bad Request", "content": content}
        assert endpoint["responses"]["422"]["content"] == content


@pytest.fixture
def own_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """A router in the registry of resources."""
    router = APIRouter()

    @router.post("/test-own")
    async def accept(_: Annotated[list[int], Body()]) -> None:
        pass

    monkeypatch.setattr(resources, "ROUTERS", [router])


async def post(app: FastAPI, content: bytes | AsyncIterator[bytes]) -> int:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
        headers = {"Content-Type": "application/json"}
        return (await client.post("/test-own", content=content, headers=headers)).status_code


@pytest.mark.usefixtures("own_router")
async def test_a_body_without_a_length_is_limited_as_well() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"[1,"
        yield b"2345678]"

    app = create_app(settings(max_body_size=10))
    assert await post(app, b"[1]") != 413
    assert await post(app, pieces()) == 413


@pytest.mark.usefixtures("own_router")
def test_every_router_has_the_common_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    def require(region: str) -> None:
        pass

    monkeypatch.setattr(resources, "DEPENDENCIES", [Depends(require)])
    parameters = create_app(settings()).openapi()["paths"]["/test-own"]["post"]["parameters"]
    assert "region" in {parameter["name"] for parameter in parameters}


@pytest.mark.parametrize("is_on", [True, False])
async def test_the_database_is_observed_if_telemetry_is_on(
    monkeypatch: pytest.MonkeyPatch, is_on: bool
) -> None:
    observed: list[AsyncEngine] = []
    monkeypatch.setattr(database_telemetry, "is_on", lambda: is_on)
    monkeypatch.setattr(database_telemetry, "observe", observed.append)
    app = create_app(settings())
    async with started(app):
        assert observed == [app.state.engine] * is_on


@pytest.mark.parametrize(("environment", "times"), [("production", 1), ("development", 0)])
async def test_the_garbage_collector_is_tuned_in_production(
    monkeypatch: pytest.MonkeyPatch, environment: str, times: int
) -> None:
    tune = Mock()
    monkeypatch.setattr(main, "tune_garbage_collector", tune)
    # Those of features require further settings in production.
    monkeypatch.setattr(main, "LIFESPANS", [], raising=False)
    app = create_app(settings(environment=environment, secret_key="k" * 32))
    async with started(app):
        assert tune.call_count == times


def test_telemetry_is_set_up_by_the_environment_without_logs_and_health_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen: dict[str, Any] = {}

    class Service(main.Service):
        def __init__(self, telemetry: TelemetryConfig, **options: Any) -> None:
            chosen.update(telemetry)
            super().__init__(telemetry=telemetry, **options)

    monkeypatch.setattr(main, "Service", Service)
    create_app(settings())
    excluded = chosen.pop("exclude")
    assert chosen == {"auto_configure": True, "logs": False}
    assert excluded({"type": "http", "path": "/health/live"})
    assert not excluded({"type": "http", "path": "/live"})


async def test_an_engine_that_it_creates_has_its_settings_and_ends_with_it() -> None:
    app = create_app(settings(database_pool_size=3))
    async with started(app):
        engine: AsyncEngine = app.state.engine
        pool = engine.pool
        assert "Pool size: 3" in pool.status()
    assert engine.pool is not pool  # `dispose` closes one and makes another


async def test_an_engine_that_was_passed_in_outlives_it(engine: AsyncEngine) -> None:
    pool = engine.pool
    app = create_app(settings(), engine)
    async with started(app):
        assert app.state.engine is engine
    assert engine.pool is pool
