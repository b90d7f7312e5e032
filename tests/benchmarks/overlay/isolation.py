"""What the isolation of a test costs: pairs, interleaved, in one process.

Runs inside a rendered project as one of its tests (`nox -s bench`) and prints; no time fails.
"""

import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI

from app.database import create_engine
from app.main import create_app
from app.settings import Settings
from dev.databases import Database, Databases
from dev.isolation import DatabaseIsolation
from dev.sandbox import Sandbox
from tests.fixtures.client import BASE_URL, TaskTransport

Work = Callable[[], Awaitable[Any]]


async def milliseconds(work: Work) -> float:
    start = time.perf_counter()
    await work()
    return (time.perf_counter() - start) * 1000


async def nothing() -> None:
    pass


async def compare(
    title: str, rounds: int = 300, before: Work = nothing, **contestants: Work
) -> None:
    """Print the medians, and their ratios to the first one's; `before` does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        await before()
        for name, work in contestants.items():
            times[name].append(await milliseconds(work))
    medians = {name: statistics.median(found) for name, found in times.items()}
    first = next(iter(medians.values()))
    shown = (f"{name} {ms:.2f} ms ({ms / first:.2f})" for name, ms in medians.items())
    print(f"\n{title}: {', '.join(shown)}")


def count_writes(connection: asyncpg.Connection) -> Callable[[], int]:
    """How many times the connection has written to its socket since the last call."""
    transport = connection._transport  # noqa: SLF001
    write, count = transport.write, itertools.count()
    transport.write = lambda data: (next(count), write(data))
    return lambda: next(count)


numbers = itertools.count()


async def post_and_get(client: httpx.AsyncClient) -> None:
    created = await client.post("/items", json={"name": f"name {next(numbers)}"})
    assert created.status_code == 201
    assert (await client.get(created.headers["location"])).status_code == 200


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=TaskTransport(app, True), base_url=BASE_URL)


async def test_a_test_in_the_sandbox_against_one_without_isolation(
    isolation: DatabaseIsolation, shared_app: FastAPI, databases: Databases, settings: Settings
) -> None:
    """The latter finds what all before it have left: nothing cleans up."""
    bare = await databases.clone("bare")
    engine = create_engine(settings, async_creator=bare.connect)
    bare_app = create_app(settings, engine)
    await isolation.start_app()
    async with (
        LifespanManager(bare_app),
        client_of(shared_app) as sandboxed_client,
        client_of(bare_app) as bare_client,
    ):

        async def without_isolation() -> None:
            await post_and_get(bare_client)

        async def in_the_sandbox() -> None:
            isolation.sandbox.checkout("a benchmark")
            await post_and_get(sandboxed_client)
            assert await isolation.sandbox.checkin() == []

        await compare(
            "POST and GET", without_isolation=without_isolation, in_the_sandbox=in_the_sandbox
        )
        writes = count_writes(isolation.sandbox.physical.connection)
        await in_the_sandbox()
        print(f"socket writes of one such test in the sandbox: {writes()}")
    await engine.dispose()
    await databases.drop(bare)


INSERT = "INSERT INTO table_0 VALUES (1, 'a')"


def names_of(tables: int) -> list[str]:
    return [f"table_{number}" for number in range(tables)]


def tables_to_create(tables: int) -> str:
    columns = "(id int PRIMARY KEY, name text)"
    return "; ".join(f"CREATE TABLE {name} {columns}" for name in names_of(tables))


@pytest.mark.parametrize("tables", [1, 30, 200])
async def test_cleaning_up_after_a_test(databases: Databases, tables: int) -> None:
    create, names = tables_to_create(tables), ", ".join(names_of(tables))
    drop, truncate = f"DROP TABLE {names}", f"TRUNCATE {names}"
    database = await databases.clone("cleaning")
    plain = await database.connect()
    await plain.execute(create)
    sandbox = Sandbox()
    await sandbox.open(database)
    virtual = await sandbox.connect()

    async def reset() -> None:
        sandbox.checkout("a benchmark")
        await virtual.execute(INSERT)
        await sandbox.checkin()

    async def truncated() -> None:
        await plain.execute(INSERT)
        await plain.execute(truncate)

    async def created_anew() -> None:
        await plain.execute(INSERT)
        await plain.execute(drop)
        await plain.execute(create)

    await compare(
        f"one INSERT and its cleaning up, {tables} tables",
        reset=reset,
        truncate=truncated,
        drop_and_create=created_anew,
        rounds=20,
    )
    await sandbox.close()
    await plain.close()
    await databases.drop(database)


async def test_the_reset_whatever_the_number_of_tables(databases: Databases) -> None:
    """Its message alone, after one INSERT."""
    sandboxes: dict[str, Sandbox] = {}
    used: list[Database] = []
    for tables in 1, 30, 200:
        used.append(await databases.clone("reset"))
        connection = await used[-1].connect()
        await connection.execute(tables_to_create(tables))
        await connection.close()
        sandboxes[f"{tables}_tables"] = sandbox = Sandbox()
        await sandbox.open(used[-1])

    async def write_to_each() -> None:
        for sandbox in sandboxes.values():
            sandbox.checkout("a benchmark")
            await (await sandbox.connect()).execute(INSERT)

    resets = {name: sandbox.checkin for name, sandbox in sandboxes.items()}
    await compare("the reset alone", before=write_to_each, **resets)
    for sandbox, database in zip(sandboxes.values(), used, strict=True):
        await sandbox.close()
        await databases.drop(database)


waited: dict[str, list[float]] = {"the database": [], "all": []}


@pytest.mark.committed
@pytest.mark.parametrize("number", range(20))
async def test_waiting_for_a_database_of_ones_own(
    isolation: DatabaseIsolation,
    shared_app: FastAPI,
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    """As in a row of `committed` tests that each call the application."""
    take = databases.take

    async def take_and_note() -> Database:
        start = time.perf_counter()
        taken = await take()
        waited["the database"].append((time.perf_counter() - start) * 1000)
        return taken

    monkeypatch.setattr(databases, "take", take_and_note)
    waited["all"].append(await milliseconds(isolation.enter_clone))
    async with client_of(shared_app) as client:
        await post_and_get(client)
    findings, _ = await isolation.leave_clone(failed=False, keep=False)
    assert findings == []
    if number == 19:
        for what, times in waited.items():
            print(
                f"\nwaiting for {what} before a committed test: {statistics.median(times):.2f} ms"
            )
