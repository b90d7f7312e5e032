"""The service behind PgBouncer in transaction mode; the nightly workflow installs it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.harness.pgbouncer import PROGRAM, PgBouncer, pgbouncer
from tests.harness.processes import eventually
from tests.harness.project import Project
from tests.harness.servers import Server
from tests.harness.service import serve
from tests.service.test_pressure import Load, create, locked, names, together

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

KILL = """
import asyncio, os, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )

asyncio.run(main())
"""


SET_READ_ONLY = """
import asyncio, os, sys, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {sys.argv[1]}")
    await connection.execute("SELECT pg_reload_conf()")

asyncio.run(main())
"""


@pytest.fixture
def pooler(postgres: Server) -> Iterator[PgBouncer]:
    with pgbouncer(postgres.port) as found:
        yield found


@pytest.fixture
def client(default_project: Project, pooler: PgBouncer) -> Iterator[httpx.Client]:
    with serve(default_project, pooler.url, DATABASE_POOLER="transaction") as client:
        yield client


def test_it_serves_a_round_trip(client: httpx.Client) -> None:
    for number in range(3):
        created = create(client, f"pooled {number}").raise_for_status()
        location = created.headers["location"]
        assert client.get(location).json() == created.json()
        assert client.patch(location, json={"price": "8.00"}).json()["price"] == "8.00"
        assert client.get("/items").status_code == 200
        assert client.delete(location).status_code == 204
        assert client.get(location).status_code == 404
        assert client.get("/health/ready").json() == {"status": "ok"}


def test_it_loses_nothing_when_connections_are_killed_and_the_pooler_restarts(
    default_project: Project, postgres: Server, pooler: PgBouncer, client: httpx.Client
) -> None:
    load = Load()
    with together(16, lambda n: load.write(client.base_url, f"pooler {n}"), load.over):
        load.wait_for(201)
        assert set(load.statuses) == {201}
        default_project.python(KILL, DATABASE_URL=postgres.url)
        load.wait_for(201)
        pooler.stop()
        load.wait_for(503)
        pooler.start()
        assert eventually(lambda: create(client, "pooler back").status_code in {201, 409})
        load.wait_for(201)
    assert set(load.statuses) <= {201, 503}
    assert set(load.acknowledged) <= names(client)


def test_timeouts_hold_in_each_transaction(
    default_project: Project, postgres: Server, client: httpx.Client
) -> None:
    location = create(client, "pooled and locked").headers["location"]
    with locked(default_project, postgres, location):
        assert client.patch(location, json={"price": "1"}).status_code == 503
    assert client.patch(location, json={"price": "1"}).status_code == 200


def test_a_server_that_takes_no_writes_is_unavailable_to_them(
    default_project: Project, postgres: Server, client: httpx.Client
) -> None:
    """A pooler does not pass on that the server is a standby, or read-only."""
    location = create(client, "pooled and kept").headers["location"]
    default_project.python(SET_READ_ONLY, "on", DATABASE_URL=postgres.url)
    try:
        assert eventually(lambda: client.patch(location, json={"price": "1"}).is_error, 10)
        assert client.patch(location, json={"price": "1"}).status_code == 503
        assert client.get(location).status_code == 200
    finally:
        default_project.python(SET_READ_ONLY, "off", DATABASE_URL=postgres.url)
    assert eventually(lambda: client.patch(location, json={"price": "1"}).is_success, 10)
