"""Clients that send their requests, or read their answers, byte by byte, beside others.

The service has a single connection to the database: a request that holds it stops all others.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.harness.project import Project
from tests.harness.service import database, serve

CLIENTS = 20
LONGEST_TEXT = "x" * 100_000


@pytest.fixture(scope="module")
def client(default_project: Project) -> Iterator[httpx.Client]:
    with database(default_project) as url:
        default_project.alembic("upgrade", "head", DATABASE_URL=url)
        with serve(default_project, url, DATABASE_POOL_SIZE="1") as client:
            yield client


def connect(client: httpx.Client) -> socket.socket:
    connection = socket.socket()
    # So that the answer stays in the service, and does not wait in the buffers of the system.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((client.base_url.host, client.base_url.port))
    connection.settimeout(30)
    return connection


def others(client: httpx.Client, name: str) -> Counter[object]:
    """What other clients meet in the meantime."""
    met: Counter[object] = Counter()
    for number in range(10):
        created = client.post("/items", json={"name": f"{name} {number}"})
        met[created.status_code] += 1
        met[client.get(created.headers["location"]).status_code] += 1
        met[client.get("/health/ready").json()["status"]] += 1
    return met


def with_slow_clients(
    client: httpx.Client, name: str, act: Callable[[socket.socket, int, threading.Event], bytes]
) -> list[bytes]:
    """What slow clients have read, while the others have met nothing but success."""
    hurry = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        connections = [connect(client) for _ in range(CLIENTS)]
        try:
            slow = [pool.submit(act, one, number, hurry) for number, one in enumerate(connections)]
            time.sleep(0.5)
            met = others(client, name)
            assert not any(one.done() for one in slow)
        finally:
            hurry.set()
        answers = [one.result() for one in slow]
        for connection in connections:
            connection.close()
    print(f"beside {CLIENTS} clients that {name}: {dict(met)}")
    assert met == {201: 10, 200: 10, "ok": 10}
    return answers


def read_to_the_end(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def test_clients_that_send_slowly_do_not_keep_others_waiting(client: httpx.Client) -> None:
    def send(connection: socket.socket, number: int, hurry: threading.Event) -> bytes:
        body = b'{"name": "slow %d"}' % number
        connection.sendall(
            b"POST /items HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        for sent in range(len(body)):
            connection.sendall(body[sent : sent + 1])
            hurry.wait(5)
        return read_to_the_end(connection)

    answers = with_slow_clients(client, "send", send)
    assert Counter(answer.split(b"\r\n")[0] for answer in answers) == {
        b"HTTP/1.1 201 Created": CLIENTS
    }


def test_clients_that_read_slowly_do_not_keep_others_waiting(client: httpx.Client) -> None:
    for number in range(11):
        item = {"name": f"long {number}", "description": LONGEST_TEXT}
        client.post("/items", json=item).raise_for_status()

    def read(connection: socket.socket, _: int, hurry: threading.Event) -> bytes:
        connection.sendall(b"GET /items?limit=100 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        found = b""
        while not hurry.wait(0.1):
            found += connection.recv(1)
        return found + read_to_the_end(connection)

    answers = with_slow_clients(client, "read", read)
    complete = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert all(len(body) > 10 * len(LONGEST_TEXT) for body in complete)
    assert all(body.endswith(b"}") for body in complete)
