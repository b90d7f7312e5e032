"""How often a request waits for the database, counted on the wire."""

from collections.abc import Iterator

import httpx
import pytest

from tests.harness.project import Project
from tests.harness.proxy import Proxy, proxy
from tests.harness.service import database, serve


@pytest.fixture(scope="module")
def counted(default_project: Project) -> Iterator[tuple[httpx.Client, Proxy]]:
    with database(default_project, tcp=True) as url, proxy(url) as between:
        default_project.alembic("upgrade", "head", DATABASE_URL=url)
        with serve(default_project, between.url) as client:
            yield client, between


def add_item(client: httpx.Client, number: int) -> str:
    item = {"name": f"item {number}", "price": "1.50"}
    return client.post("/items", json=item).raise_for_status().headers["location"]


@pytest.mark.parametrize(
    ("request_line", "body", "round_trips"),
    [
        ("GET /items/{id}", None, 1),
        ("GET /items", None, 1),
        ("GET /items?sort=-name&limit=1", None, 1),
        ("POST /items", {"name": "new {id}"}, 3),  # BEGIN, INSERT, COMMIT
        ("PATCH /items/{id}", {"price": "2.00"}, 4),  # BEGIN, SELECT FOR UPDATE, UPDATE, COMMIT
        ("DELETE /items/{id}", None, 4),
        ("GET /health/ready", None, 1),
        ("GET /health/live", None, 0),
    ],
)
def test_a_request_waits_for_the_database_as_seldom_as_it_can(
    counted: tuple[httpx.Client, Proxy],
    request_line: str,
    body: dict[str, str] | None,
    round_trips: int,
) -> None:
    """Once its statements are prepared, which takes one more for each."""
    client, between = counted
    counts = []
    for number in range(3):
        item = add_item(client, number)
        id = item.rpartition("/")[2]
        method, path = request_line.format(id=id).split()
        content = body and {name: value.format(id=id) for name, value in body.items()}
        before = between.round_trips
        client.request(method, path, json=content).raise_for_status()
        counts.append(between.round_trips - before)
        client.delete(item)
    assert counts[1:] == [round_trips] * 2
