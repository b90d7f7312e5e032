"""Requests that cannot be served get a problem that says why, and never a 500."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness.project import Project
from tests.harness.service import serve_on_own_database

ITEM = {"name": "a name", "description": None, "price": "1.50"}
BODIES: dict[str, object] = {"PATCH": {}}
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def client(default_project: Project) -> Iterator[httpx.Client]:
    with serve_on_own_database(default_project) as client:
        yield client


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"name": "x"', b"[]", b"null", b'"item"', b"\xff\xfe", b"name=x"],
    ids=["empty", "open", "half", "list", "null", "string", "no UTF-8", "form"],
)
def test_a_body_that_is_not_a_json_object(client: httpx.Client, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert_problem(client.post("/items", content=content, headers=headers), 422)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 1),
        ("name", None),
        ("name", ["x"]),
        ("name", "x" * 101),
        ("name", "nul\0byte"),
        ("description", {"a": 1}),
        ("description", "nul\0byte"),
        ("price", "much"),
        ("price", "1.234"),
        ("price", 10**8),
        ("price", "1e400"),
        ("price", "NaN"),
        ("price", "-Infinity"),
        ("price", 10**400),
        ("unknown", 1),
    ],
)
def test_a_value_that_its_field_cannot_hold(client: httpx.Client, field: str, value: Any) -> None:
    assert_problem(client.post("/items", json=ITEM | {field: value}), 422)


def test_a_body_that_is_nested_too_deeply(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    assert_problem(client.post("/items", content=b"[" * 100_000, headers=headers), 400)


def test_half_a_surrogate_pair(client: httpx.Client) -> None:
    body = b'{"name": "\\ud800", "price": 1}'
    headers = {"content-type": "application/json"}
    assert_problem(client.post("/items", content=body, headers=headers), 422)


@pytest.mark.parametrize("id", ["0", "-1", "x", "1.5", str(2**63), str(10**40), "%00", "9" * 5000])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_id_that_no_row_can_have(client: httpx.Client, method: str, id: str) -> None:
    assert_problem(client.request(method, f"/items/{id}", json=BODIES.get(method)), 422)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_id_that_no_row_has(client: httpx.Client, method: str) -> None:
    response = client.request(method, f"/items/{2**63 - 1}", json=BODIES.get(method))
    assert_problem(response, 404)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=1000000000",
        f"limit={10**400}",
        "limit=x",
        "sort=unknown",
        "sort=name;drop table items",
        "sort=",
        "cursor=unknown",
        "cursor=",
        "cursor=%00",
        "cursor=é",
        f"cursor={'A' * 3000}",
        "name=%00",
        "price=much",
        "unknown=1",
    ],
)
def test_an_invalid_query_of_a_list(client: httpx.Client, query: str) -> None:
    assert_problem(client.get(f"/items?{query}"), 422)


def test_a_cursor_that_was_tampered_with(client: httpx.Client) -> None:
    for number in range(2):
        client.post("/items", json=ITEM | {"name": f"tampered {number}"}).raise_for_status()
    cursor = client.get("/items", params={"limit": 1}).json()["next_cursor"]
    assert client.get("/items", params={"cursor": cursor}).status_code == 200
    for place in (0, len(cursor) // 2, len(cursor) - 5):
        changed = "B" if cursor[place] == "A" else "A"
        tampered = cursor[:place] + changed + cursor[place + 1 :]
        assert_problem(client.get("/items", params={"cursor": tampered}), 422)


def test_a_content_length_that_is_too_large(client: httpx.Client) -> None:
    assert_problem(client.post("/items", json=ITEM | {"description": "x" * MEBIBYTE}), 413)


def test_a_body_without_a_length_that_is_too_large(client: httpx.Client) -> None:
    chunks = (b"x" * 1000 for _ in range(2000))
    assert_problem(client.post("/items", content=chunks), 413)


def test_a_path_that_does_not_exist(client: httpx.Client) -> None:
    assert_problem(client.get("/nothing/here"), 404)


def test_a_method_that_is_not_allowed(client: httpx.Client) -> None:
    response = client.put("/items", json=ITEM)
    assert_problem(response, 405)
    assert set(response.headers["allow"].split(", ")) == {"GET", "POST"}


def test_a_unique_value_that_is_taken(client: httpx.Client) -> None:
    client.post("/items", json=ITEM | {"name": "taken"}).raise_for_status()
    assert_problem(client.post("/items", json=ITEM | {"name": "taken"}), 409)
