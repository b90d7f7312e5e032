"""Databases for tests, as the fixtures provide them."""

import asyncio
import dataclasses
import shlex
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from dev import postgres
from dev.databases import Database, Databases, Server, admin, catalog, clones, open_databases
from dev.databases.catalog import Run
from dev.databases.clones import CLONES_AHEAD, DropTimeoutError

PROJECT = Path(postgres.__file__).parents[2]


@pytest.fixture
async def preparing(database_server: Server) -> AsyncIterator[Databases]:
    """Databases for a run with many tests that commit, so that some are prepared ahead."""
    server = dataclasses.replace(database_server, run="preparing")
    async with open_databases(
        server, PROJECT, worker="main", committed_tests=100, rebuild=False
    ) as databases:
        yield databases


async def names(database: Database) -> list[str]:
    connection = await database.connect()
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database")
        return [row["datname"] for row in rows]
    finally:
        await connection.close()


async def gone(database: Database, witness: Database) -> bool:
    """Whether a database gets dropped, which happens in the background."""
    for _ in range(6000):
        if database.name not in await names(witness):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_copies_do_not_share_their_data(databases: Databases) -> None:
    one, other = await databases.clone("one"), await databases.clone("other")
    connection = await one.connect()
    await connection.execute("CREATE TABLE only_here (id int)")
    await connection.close()
    connection = await other.connect()
    assert await connection.fetchval("SELECT to_regclass('only_here')") is None
    await connection.close()


async def test_a_copys_name_ends_in_its_label(databases: Databases) -> None:
    database = await databases.clone("For the Test [é-1]")
    assert database.name.endswith("_for_the_test_é_1_")
    assert database.url.database == database.name


async def test_a_long_label_is_truncated(databases: Databases) -> None:
    one, other = await databases.clone("l" * 100), await databases.clone("l" * 100)
    assert one.name != other.name
    connection = await one.connect()
    assert await connection.fetchval("SELECT current_database()") == one.name
    await connection.close()


async def test_connections_take_the_drivers_options(worker_database: Database) -> None:
    connection = await worker_database.connect(server_settings={"application_name": "mine"})
    assert await connection.fetchval("SHOW application_name") == "mine"
    await connection.close()


async def test_a_dropped_database_is_gone(databases: Databases, worker_database: Database) -> None:
    database = await databases.clone("to_drop")
    assert await databases.drop(database) == []
    assert await gone(database, worker_database)


async def test_dropping_returns_the_last_statement_of_each_open_connection(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "DISCONNECT_TIMEOUT", 0.1)
    database = await databases.clone("left_open")
    connections = [await database.connect() for _ in range(2)]
    await connections[0].execute("SELECT 'first'")
    await connections[1].execute("BEGIN; SELECT 'second'")
    assert await databases.drop(database) == ["SELECT 'first'", "BEGIN; SELECT 'second'"]
    for connection in connections:
        connection.terminate()


async def test_a_database_can_be_dropped_twice(databases: Databases) -> None:
    database = await databases.clone("twice")
    await databases.drop(database)
    assert await databases.drop(database) == []


async def test_databases_are_created_before_they_are_taken(
    worker_database: Database, preparing: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await preparing.take()
    await preparing.drop(first)
    assert await gone(first, worker_database)  # and so the next have been created
    may_create = threading.Event()
    create = catalog.create

    async def create_later(*arguments: Any) -> None:
        await asyncio.to_thread(may_create.wait)
        await create(*arguments)

    monkeypatch.setattr(catalog, "create", create_later)
    try:
        async with asyncio.timeout(60):
            for _ in range(CLONES_AHEAD):
                database = await preparing.take()
                assert database.name in await names(worker_database)
    finally:
        may_create.set()
    await preparing.take()


async def test_no_database_is_left_after_closing(
    worker_database: Database, preparing: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def create_slowly(
        connection: asyncpg.Connection, name: str, run: Run, template: str
    ) -> None:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        await asyncio.sleep(0.2)
        await connection.execute(f"COMMENT ON DATABASE \"{name}\" IS '{run.comment}'")

    await preparing.clone("forgotten")
    await preparing.drop(await preparing.take())
    monkeypatch.setattr(catalog, "create", create_slowly)
    await preparing.take()
    await asyncio.sleep(0.1)
    await preparing.close()
    assert [name for name in await names(worker_database) if "_preparing_" in name] == []


async def test_a_run_ends_even_if_the_server_does_not_drop_its_databases(
    database_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drop(connection: asyncpg.Connection, name: str) -> None:
        await connection.execute("SELECT pg_sleep(600)")

    server = dataclasses.replace(database_server, run="stuck")
    run = open_databases(server, PROJECT, worker="main", committed_tests=0, rebuild=False)
    databases = await run.__aenter__()
    await databases.clone("stuck")
    monkeypatch.setattr(catalog, "drop", drop)
    monkeypatch.setattr(clones, "DROP_TIMEOUT", 0.1)
    monkeypatch.setattr(admin, "CLOSE_TIMEOUT", 0.1)
    with pytest.raises(DropTimeoutError, match=r"did not drop .* The next run will"):
        await run.__aexit__(None, None, None)


async def test_more_databases_can_be_taken_than_announced(databases: Databases) -> None:
    taken = [await databases.take() for _ in range(6)]
    assert len({database.name for database in taken}) == 6
    for database in taken:
        await databases.drop(database)


async def test_databases_can_be_created_from_any_event_loop(databases: Databases) -> None:
    async def clone_and_drop() -> list[str]:
        return await databases.drop(await databases.clone("other_loop"))

    assert await asyncio.to_thread(asyncio.run, clone_and_drop()) == []


async def test_no_task_is_added_to_the_tests_event_loop(databases: Databases) -> None:
    before = asyncio.all_tasks()
    database = await databases.take()
    await databases.drop(database)
    assert asyncio.all_tasks() == before


async def test_a_database_is_created_even_if_its_waiter_is_cancelled(
    databases: Databases, worker_database: Database
) -> None:
    for delay in (0, 0.001, 0.005):
        waiting = asyncio.ensure_future(databases.clone("unwanted"))
        await asyncio.sleep(delay)
        waiting.cancel()
    assert await databases.drop(await databases.clone("wanted")) == []
    unwanted = [name for name in await names(worker_database) if name.endswith("_unwanted")]
    assert len(unwanted) == 3


async def test_a_copy_is_created_even_if_another_run_has_removed_the_template(
    databases: Databases, worker_database: Database
) -> None:
    template = worker_database.name.partition("_main_")[0].rpartition("_")[0]
    connection = await worker_database.connect()
    await connection.execute(f'ALTER DATABASE "{template}" IS_TEMPLATE false')
    await connection.execute(f'DROP DATABASE "{template}"')
    assert await databases.drop(await databases.clone("without_template")) == []
    await connection.close()


async def test_the_worker_has_a_migrated_database(worker_database: Database) -> None:
    connection = await worker_database.connect()
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    await connection.close()


async def test_a_kept_database_is_not_dropped_and_can_be_opened(
    database_server: Server, databases: Databases, worker_database: Database
) -> None:
    database = await databases.clone("kept")
    line = await databases.keep(database)
    assert await databases.drop(database) == []
    result = subprocess.run(
        [*shlex.split(line), "-tAc", "SELECT current_database()"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == database.name
    assert database.name in await names(worker_database)
    if database_server.embedded is not None:
        postgres.release(database_server.embedded.folder)
