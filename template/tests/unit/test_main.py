"""What the application factory makes of its arguments."""

import pytest
from asgi_lifespan import LifespanManager
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from app import log_format
from app.main import create_app
from app.settings import Settings

URL = SecretStr("postgresql://nobody@127.0.0.1:1/none")


def test_without_arguments_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_BODY_SIZE", "77")
    assert create_app().state.settings.max_body_size == 77


def test_logs_are_configured_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    configured: list[tuple[str, str]] = []
    monkeypatch.setattr(log_format, "configure", lambda *arguments: configured.append(arguments))
    create_app(Settings(database_url=URL, log_level="WARNING"))
    assert configured == [("development", "WARNING")]


def test_each_limit_of_the_settings_is_enforced() -> None:
    limits: dict[str, int] = {
        "max_concurrent_requests": 11,
        "request_body_timeout": 12,
        "max_body_size": 13,
        "max_json_depth": 14,
        "max_json_values": 15,
    }
    app = create_app(Settings.model_validate({"database_url": URL, **limits}))
    found = [middleware.kwargs for middleware in app.user_middleware]
    for enforced in (
        {"max_requests": 11},
        {"body_timeout": 12},
        {"max_body_size": 13},
        {"max_depth": 14, "max_values": 15},
    ):
        assert enforced in found


def test_openapi_describes_the_problems_of_every_endpoint() -> None:
    paths = create_app(Settings(database_url=URL)).openapi()["paths"]
    endpoints = [endpoint for path in paths.values() for endpoint in path.values()]
    assert endpoints
    for endpoint in endpoints:
        for status in ("400", "422"):
            assert [*endpoint["responses"][status]["content"]] == ["application/problem+json"]


async def test_an_engine_of_its_own_has_its_settings_and_ends_with_it() -> None:
    app = create_app(Settings(database_url=URL, database_pool_size=3))
    async with LifespanManager(app):
        engine: AsyncEngine = app.state.engine
        pool = engine.pool
        assert "Pool size: 3" in pool.status()
    assert engine.pool is not pool  # `dispose` closes one and makes another


async def test_an_engine_that_was_passed_in_outlives_it(engine: AsyncEngine) -> None:
    pool = engine.pool
    app = create_app(Settings(), engine)
    async with LifespanManager(app):
        assert app.state.engine is engine
    assert engine.pool is pool
