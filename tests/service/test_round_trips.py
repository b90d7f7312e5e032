"""How often a request waits for the database, counted on the wire."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.harness.project import Project
from tests.harness.proxy import Proxy, proxy
from tests.harness.service import database, serve

Counted = tuple[httpx.Client, Proxy]


@pytest.fixture(scope="module")
def counted(default_project: Project) -> Iterator[Counted]:
    with served(default_project) as found:
        yield found


@pytest.fixture(scope="module")
def counted_books(rendered: Callable[[str], Project]) -> Iterator[Counted]:
    """A service of books, which have critics."""
    with served(rendered("related")) as found:
        yield found


@contextmanager
def served(project: Project) -> Iterator[Counted]:
    with database(project, tcp=True) as url, proxy(url) as between:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        with serve(project, between.url) as client:
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
    counted: Counted,
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


@pytest.mark.parametrize(
    ("request_line", "round_trips"),
    [
        ("GET /books/{id}", 2),
        ("GET /books", 2),
        ("POST /books", 4),  # BEGIN, INSERT, INSERT of all pairs, COMMIT
        # BEGIN, SELECT FOR UPDATE, SELECT, DELETE and INSERT of pairs, UPDATE, COMMIT
        ("PATCH /books/{id}", 7),
        ("DELETE /books/{id}", 6),
    ],
)
def test_the_number_of_pairs_makes_no_difference(
    counted_books: Counted, request_line: str, round_trips: int
) -> None:
    client, between = counted_books
    critics = [
        client.post("/authors", json={"name": f"{request_line} {number}"}).json()["id"]
        for number in range(60)
    ]
    counts = []
    for size in (3, 3, 25, 2):
        first, second = critics[:size], critics[size : 2 * size]
        book = {"title": "a", "author_id": critics[0], "critics": first}
        location = client.post("/books", json=book).raise_for_status().headers["location"]
        method, path = request_line.format(id=location.rpartition("/")[2]).split()
        content = {"POST": book, "PATCH": {"critics": second}}.get(method)
        before = between.round_trips
        client.request(method, path, json=content).raise_for_status()
        counts.append(between.round_trips - before)
    assert counts[1:] == [round_trips] * 3
