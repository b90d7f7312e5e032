"""Who created a database, and which databases may be dropped."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import URL

from dev.databases import catalog
from dev.databases.catalog import ForeignDatabaseError, Run
from dev.databases.connections import connect

RUN = Run("shop", "active")
CRASHED = Run("shop", "crashed")


@pytest.fixture(autouse=True)
async def clean(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Every test has the server to itself."""
    yield
    rows = await connection.fetch("SELECT datname FROM pg_database WHERE oid > 16383")
    for row in rows:
        await connection.execute(f"ALTER DATABASE {row['datname']} IS_TEMPLATE false")
        await connection.execute(f"DROP DATABASE {row['datname']} WITH (FORCE)")


async def exists(connection: asyncpg.Connection, name: str) -> bool:
    query = "SELECT count(*) = 1 FROM pg_database WHERE datname = $1"
    found: bool = await connection.fetchval(query, name)
    return found


@pytest.fixture
async def active(server: URL) -> AsyncIterator[asyncpg.Connection]:
    """The connection of an active run."""
    connection = await connect(server, server_settings={"application_name": RUN.application_name})
    yield connection
    await connection.close()


class TestASweep:
    async def test_drops_what_a_crashed_run_left_and_keeps_what_an_active_one_uses(
        self, connection: asyncpg.Connection, active: asyncpg.Connection
    ) -> None:
        await catalog.create(active, "shop_active", RUN)
        await catalog.create(connection, "shop_crashed", CRASHED)
        assert await catalog.sweep(connection, "shop") == ["shop_crashed"]
        assert await exists(connection, "shop_active")
        assert not await exists(connection, "shop_crashed")

    async def test_drops_a_crashed_runs_database_even_if_something_is_connected(
        self, server: URL, connection: asyncpg.Connection
    ) -> None:
        await catalog.create(connection, "shop_in_use", CRASHED)
        left = await connect(server.set(database="shop_in_use"))
        assert await catalog.sweep(connection, "shop") == ["shop_in_use"]
        left.terminate()

    async def test_keeps_databases_of_other_projects(self, connection: asyncpg.Connection) -> None:
        await catalog.create(connection, "shop_assistant_1", Run("shop_assistant", "crashed"))
        assert await catalog.sweep(connection, "shop") == []

    async def test_keeps_what_the_tests_did_not_create(
        self, connection: asyncpg.Connection
    ) -> None:
        await connection.execute("CREATE DATABASE shop_production")
        await connection.execute("CREATE DATABASE shop_staging")
        await connection.execute("COMMENT ON DATABASE shop_staging IS 'Made by the tests of ours'")
        assert await catalog.sweep(connection, "shop") == []

    async def test_drops_only_old_templates(self, connection: asyncpg.Connection) -> None:
        today = datetime.now(UTC).date()
        for name, age in {"shop_old": 31, "shop_recent": 29}.items():
            await catalog.create(connection, name, CRASHED)
            comment = CRASHED.comment.replace(str(today), str(today - timedelta(days=age)))
            await connection.execute(f"COMMENT ON DATABASE {name} IS '{comment}'")
            await connection.execute(f"ALTER DATABASE {name} IS_TEMPLATE true")
        assert await catalog.sweep(connection, "shop") == ["shop_old"]

    async def test_does_nothing_while_another_run_sweeps(
        self, server: URL, connection: asyncpg.Connection
    ) -> None:
        for number in range(5):
            await catalog.create(connection, f"shop_crashed_{number}", CRASHED)
        others = [await connect(server) for _ in range(5)]
        swept = await asyncio.gather(*(catalog.sweep(other, "shop") for other in others))
        for other in others:
            await other.close()
        assert sorted(itertools.chain(*swept)) == [f"shop_crashed_{number}" for number in range(5)]


class TestADrop:
    async def test_refuses_a_database_that_the_tests_did_not_create(
        self, connection: asyncpg.Connection
    ) -> None:
        await connection.execute("CREATE DATABASE precious")
        with pytest.raises(ForeignDatabaseError, match='"precious"'):
            await catalog.drop(connection, "precious")
        assert await exists(connection, "precious")

    async def test_of_a_missing_database_does_nothing(self, connection: asyncpg.Connection) -> None:
        await catalog.drop(connection, "never_was")

    async def test_of_a_template_works(self, connection: asyncpg.Connection) -> None:
        await catalog.create(connection, "shop_template", RUN)
        await connection.execute("ALTER DATABASE shop_template IS_TEMPLATE true")
        await catalog.drop(connection, "shop_template")
        assert not await exists(connection, "shop_template")


class TestOpenStatements:
    async def test_are_the_last_of_each_open_connection(
        self, server: URL, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalog, "DISCONNECT_TIMEOUT", 0.1)
        await catalog.create(connection, "shop_open", RUN)
        left = await connect(server.set(database="shop_open"))
        await left.execute("SELECT\n  1 AS forgotten")
        assert await catalog.open_statements(connection, "shop_open") == ["SELECT 1 AS forgotten"]
        await left.close()

    async def test_are_none_right_after_the_last_connection_is_closed(
        self, server: URL, connection: asyncpg.Connection
    ) -> None:
        await catalog.create(connection, "shop_closed", RUN)
        for _ in range(20):
            last = await connect(server.set(database="shop_closed"))
            last.terminate()
            assert await catalog.open_statements(connection, "shop_closed") == []

    async def test_are_none_after_a_forced_disconnect(
        self, server: URL, connection: asyncpg.Connection
    ) -> None:
        await catalog.create(connection, "shop_stuck", RUN)
        left = await connect(server.set(database="shop_stuck"))
        await catalog.disconnect(connection, "shop_stuck")
        assert await catalog.open_statements(connection, "shop_stuck") == []
        left.terminate()


async def test_only_the_named_template_of_a_project_is_kept(connection: asyncpg.Connection) -> None:
    owners = {"shop_1": RUN, "shop_2": RUN, "other_1": Run("other", "active")}
    for name, run in owners.items():
        await catalog.create(connection, name, run)
        await connection.execute(f"ALTER DATABASE {name} IS_TEMPLATE true")
    await catalog.drop_templates(connection, "shop", keep="shop_2")
    assert [await exists(connection, name) for name in owners] == [False, True, True]
