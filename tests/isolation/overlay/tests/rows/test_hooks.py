"""What the application does with every new connection holds in every test."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from dev.isolation import DatabaseIsolation


@pytest.fixture(scope="module", autouse=True)
async def hook(isolation: DatabaseIsolation) -> AsyncIterator[None]:
    @event.listens_for(isolation.engine.sync_engine, "connect")
    def set_flavour(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SET app.flavour = 'sweet'")
        cursor.close()
        connection.commit()

    await isolation.engine.dispose()
    yield
    event.remove(isolation.engine.sync_engine, "connect", set_flavour)
    await isolation.engine.dispose()


@pytest.mark.parametrize("attempt", ["first", "second", "third"])
async def test_what_a_hook_sets_for_new_connections_is_set_in_every_test(
    engine: AsyncEngine, attempt: str
) -> None:
    async with engine.connect() as connection:
        flavour = text("SELECT current_setting('app.flavour', true)")
        assert await connection.scalar(flavour) == "sweet"
