"""What the application factory makes of its arguments."""

import pytest
from asgi_lifespan import LifespanManager
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from app.main import create_app
from app.settings import Settings

URL = SecretStr("postgresql://nobody@127.0.0.1:1/none")


def test_without_arguments_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_BODY_SIZE", "77")
    assert create_app().state.settings.max_body_size == 77


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
