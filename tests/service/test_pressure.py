"""The service under load: a locked row, more clients than connections, a database that restarts.

A request may fail with a 503 while the database cannot answer it. What was acknowledged is kept.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.harness.processes import eventually
from tests.harness.project import Project
from tests.harness.servers import Server
from tests.harness.service import open_client, serve

CLIENTS = 16
WAITING = """
import asyncio, os, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    print(await connection.fetchval(waiting))
    await connection.close()

asyncio.run(main())
"""
LOCK = """
import asyncio, os, sys
import asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("BEGIN")
    await connection.fetch("SELECT FROM items WHERE id = $1 FOR UPDATE", int(sys.argv[1]))
    print("locked", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""
WAIT_AT_COMMIT = """
import asyncio, os, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute('''
        CREATE FUNCTION wait_for_a_row() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM FROM items WHERE name = 'held' FOR UPDATE; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER wait_for_a_row AFTER UPDATE ON items
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.name = 'waiting')
        EXECUTE FUNCTION wait_for_a_row()
    ''')
    await connection.close()

asyncio.run(main())
"""


@pytest.fixture
def client(default_project: Project, postgres: Server) -> Iterator[httpx.Client]:
    with serve(default_project, postgres.url) as client:
        yield client


def create(client: httpx.Client, name: str) -> httpx.Response:
    return client.post("/items", json={"name": name})


def names(client: httpx.Client) -> set[str]:
    """The names of all items."""
    found: set[str] = set()
    query = {"limit": "100"}
    while True:
        page = client.get("/items", params=query).raise_for_status().json()
        found |= {item["name"] for item in page["items"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


@dataclass
class Load:
    """What clients have met that write without a pause."""

    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def write(self, url: httpx.URL, label: str) -> None:
        with open_client(url) as client:
            number = 0
            while not self.over.is_set():
                number += 1
                name = f"{label} {number}"
                status = create(client, name).status_code
                self.statuses[status] += 1
                if status == 201:
                    self.acknowledged.append(name)
                else:
                    time.sleep(0.05)

    def wait_for(self, status: int) -> None:
        """Wait until each client can have met this status once more."""
        before = self.statuses[status]
        assert eventually(lambda: self.statuses[status] >= before + CLIENTS), self.statuses


@contextmanager
def together(count: int, act: Callable[[int], object], over: threading.Event) -> Iterator[None]:
    """Act in `count` threads until `over` is set, as it is when the block ends."""
    threads = [threading.Thread(target=act, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def locked(project: Project, server: Server, location: str) -> Iterator[None]:
    """Lock the item at this location for as long as the block lasts."""
    item = location.rpartition("/")[2]
    with project.start_python(LOCK, item, DATABASE_URL=server.url) as command:
        command.wait_for("(locked)")
        yield


def test_one_locked_row_is_not_an_outage(default_project: Project, postgres: Server) -> None:
    # They wait for a connection until those for the lock have given up, however slow this machine.
    patient = serve(default_project, postgres.url, DATABASE_CONNECT_TIMEOUT="20")
    with patient as client:
        lock_one_row(default_project, postgres, client)


def lock_one_row(default_project: Project, postgres: Server, client: httpx.Client) -> None:
    location = create(client, "locked").headers["location"]
    other = create(client, "other").headers["location"]
    patched: Counter[int] = Counter()
    over = threading.Event()

    def patch(_: int) -> None:
        with open_client(client.base_url) as own:
            while not over.is_set():
                patched[own.patch(location, json={"price": "2"}).status_code] += 1

    with locked(default_project, postgres, location), together(25, patch, over):
        time.sleep(1)
        others: Counter[int] = Counter()
        health: Counter[int] = Counter()
        for number in range(4):
            others[client.get(other).status_code] += 1
            others[create(client, f"beside a lock {number}").status_code] += 1
            health[client.get("/health/ready").status_code] += 1
    print("others", others, "patches of the locked row", patched)
    assert (others, health) == ({200: 4, 201: 4}, {200: 4})
    assert set(patched) == {503}
    assert client.patch(location, json={"price": "3"}).status_code == 200


def test_what_a_client_that_left_has_asked_for_is_not_done(
    default_project: Project, postgres: Server
) -> None:
    with serve_patiently(default_project, postgres) as client:
        location = create(client, "left").headers["location"]
        with locked(default_project, postgres, location):
            leave_while_it_waits(default_project, postgres, client, location)
        assert client.get(location).json()["price"] == "0.00"


def test_a_commit_that_waits_is_given_up_when_its_client_leaves(
    default_project: Project, postgres: Server
) -> None:
    with serve_patiently(default_project, postgres) as client:
        held = create(client, "held").headers["location"]
        waiting = create(client, "waiting").headers["location"]
        default_project.python(WAIT_AT_COMMIT, DATABASE_URL=postgres.url)
        with locked(default_project, postgres, held):
            leave_while_it_waits(default_project, postgres, client, waiting)
        assert client.get(waiting).json()["price"] == "0.00"


def serve_patiently(project: Project, postgres: Server) -> AbstractContextManager[httpx.Client]:
    """Run a service in which nothing ends a request but that its client leaves."""
    limits = {"DATABASE_LOCK_TIMEOUT": "600", "DATABASE_STATEMENT_TIMEOUT": "600"}
    return serve(project, postgres.url, **limits)


def leave_while_it_waits(
    project: Project, postgres: Server, client: httpx.Client, location: str
) -> None:
    """Change the price of an item, leave when that waits for a lock, and see that it ends."""

    def waiting(count: int) -> bool:
        found = project.python(WAITING, DATABASE_URL=postgres.url)
        return int(found) == count

    request = (
        f"PATCH {location} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        'Content-Length: 12\r\n\r\n{"price": 5}'
    )
    with socket.create_connection((client.base_url.host, client.base_url.port)) as own:
        own.sendall(request.encode())
        assert eventually(lambda: waiting(1))
    assert eventually(lambda: waiting(0))


def test_three_hundred_clients_share_fifteen_connections(client: httpx.Client) -> None:
    load = Load()
    with together(300, lambda n: load.write(client.base_url, f"crowd {n}"), load.over):
        time.sleep(3)
    print(f"300 clients: {dict(load.statuses)}")
    assert set(load.statuses) <= {201, 503}
    assert set(load.acknowledged) <= names(client)


def test_requests_beyond_the_limit_are_rejected_at_once(
    default_project: Project, postgres: Server
) -> None:
    with ExitStack() as stack:
        limited = serve(default_project, postgres.url, MAX_CONCURRENT_REQUESTS="2")
        client = stack.enter_context(limited)
        address = (client.base_url.host, client.base_url.port)
        for _ in range(2):  # bodies that never end
            rude = stack.enter_context(socket.create_connection(address))
            rude.sendall(b"POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        assert eventually(lambda: client.get("/items").status_code == 503)
        response = client.get("/items")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_restart_of_the_database_loses_nothing_that_was_acknowledged(
    postgres: Server, client: httpx.Client, mode: str
) -> None:
    load = Load()
    with together(CLIENTS, lambda n: load.write(client.base_url, f"{mode} {n}"), load.over):
        load.wait_for(201)
        postgres.stop(mode)
        load.wait_for(503)
        postgres.start()
        started = time.monotonic()
        assert eventually(lambda: create(client, f"{mode} back").status_code in {201, 409})
        recovered = time.monotonic() - started
        load.wait_for(201)
    print(f"{mode}: {dict(load.statuses)}, answers {recovered:.2f} s after the server")
    assert set(load.statuses) == {201, 503}
    assert set(load.acknowledged) <= names(client)
