"""What the isolation of a test costs: pairs, interleaved, in one process.

Runs inside a rendered project as one of its tests (`nox -s bench`) and prints; no time fails.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dev.databases import Database, Databases
from dev.isolation import DatabaseIsolation
from dev.sandbox import Sandbox
from tests.fixtures.client import BASE_URL

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
def test_waiting_for_a_database_of_ones_own(
    isolation: DatabaseIsolation,
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
    start = time.perf_counter()
    isolation.enter("a benchmark", committed=True)
    waited["all"].append((time.perf_counter() - start) * 1000)
    isolation.run(post_and_get(isolation.app))
    assert isolation.leave(failed=False, keep=False).findings == []
    if number == 19:
        for what, times in waited.items():
            print(
                f"\nwaiting for {what} before a committed test: {statistics.median(times):.2f} ms"
            )


async def post_and_get(app: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client:
        created = await client.post("/items", json={"name": "a name"})
        assert created.status_code == 201
        assert (await client.get(created.headers["location"])).status_code == 200
