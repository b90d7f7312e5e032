"""What the application does with every new connection holds in every test."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import create_engine
from app.settings import Settings
from dev.isolation import DatabaseIsolation
from tests.fixtures.engine import Connect

FLAVOUR = text("SELECT current_setting('app.flavour', true)")


def set_flavour(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SET app.flavour = 'sweet'")
    cursor.close()
    connection.commit()


@pytest.fixture(scope="module", autouse=True)
async def hook(isolation: DatabaseIsolation) -> AsyncIterator[None]:
    event.listen(isolation.engine.sync_engine, "connect", set_flavour)
    await isolation.engine.dispose()
    yield
    event.remove(isolation.engine.sync_engine, "connect", set_flavour)
    await isolation.engine.dispose()


@pytest.fixture(scope="module")
async def replica(settings: Settings, connect: Connect) -> AsyncIterator[AsyncEngine]:
    """An engine that is made once for several tests."""
    replica = create_engine(settings, async_creator=connect)
    event.listen(replica.sync_engine, "connect", set_flavour)
    yield replica
    await replica.dispose()


@pytest.mark.parametrize("attempt", ["first", "second", "third"])
async def test_what_a_hook_sets_for_new_connections_is_set_in_every_test(
    engine: AsyncEngine, attempt: str
) -> None:
    async with engine.connect() as connection:
        assert await connection.scalar(FLAVOUR) == "sweet"


@pytest.mark.parametrize("attempt", ["first", "second", "third"])
async def test_what_a_hook_sets_for_those_of_an_engine_for_all_tests_is_set_in_every_test(
    replica: AsyncEngine, engine: AsyncEngine, attempt: str
) -> None:
    async with replica.connect() as connection:
        assert await connection.scalar(FLAVOUR) == "sweet"
