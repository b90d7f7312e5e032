"""Invalid requests are answered with a problem that says why, and never with a 500."""

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
    ids=["empty", "unclosed", "truncated", "list", "null", "string", "not UTF-8", "form"],
)
def test_a_body_that_is_not_a_json_object_is_422(client: httpx.Client, content: bytes) -> None:
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
def test_an_invalid_value_is_422(client: httpx.Client, field: str, value: Any) -> None:
    assert_problem(client.post("/items", json=ITEM | {field: value}), 422)


def test_a_body_that_is_nested_too_deeply_is_400(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    assert_problem(client.post("/items", content=b"[" * 100_000, headers=headers), 400)


def test_a_lone_surrogate_is_422(client: httpx.Client) -> None:
    body = b'{"name": "\\ud800", "price": 1}'
    headers = {"content-type": "application/json"}
    assert_problem(client.post("/items", content=body, headers=headers), 422)


@pytest.mark.parametrize("id", ["0", str(2**63), str(10**40), "9" * 5000])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_number_that_is_no_id_is_422(client: httpx.Client, method: str, id: str) -> None:
    assert_problem(client.request(method, f"/items/{id}", json=BODIES.get(method)), 422)


@pytest.mark.parametrize("path", ["-1", "x", "1.5", "%00", "%D9%A3"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_path_that_is_no_number_is_404(client: httpx.Client, method: str, path: str) -> None:
    assert_problem(client.request(method, f"/items/{path}", json=BODIES.get(method)), 404)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_id_is_404(client: httpx.Client, method: str) -> None:
    response = client.request(method, f"/items/{2**63 - 1}", json=BODIES.get(method))
    assert_problem(response, 404)
    assert response.json()["detail"] == f"Item {2**63 - 1} not found."


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
def test_an_invalid_query_is_422(client: httpx.Client, query: str) -> None:
    assert_problem(client.get(f"/items?{query}"), 422)


def test_a_tampered_cursor_is_422(client: httpx.Client) -> None:
    for number in range(2):
        client.post("/items", json=ITEM | {"name": f"tampered {number}"}).raise_for_status()
    cursor = client.get("/items", params={"limit": 1}).json()["next_cursor"]
    assert client.get("/items", params={"cursor": cursor}).status_code == 200
    for index in (0, len(cursor) // 2, len(cursor) - 5):
        changed = "B" if cursor[index] == "A" else "A"
        tampered = cursor[:index] + changed + cursor[index + 1 :]
        response = client.get("/items", params={"cursor": tampered})
        assert_problem(response, 422)
        assert response.json()["detail"] == "Invalid cursor."


def test_a_body_with_too_large_a_content_length_is_413(client: httpx.Client) -> None:
    response = client.post("/items", json=ITEM | {"description": "x" * MEBIBYTE})
    assert_problem(response, 413)
    assert response.json()["detail"] == f"The request body exceeds {MEBIBYTE} bytes."


def test_a_chunked_body_that_is_too_large_is_413(client: httpx.Client) -> None:
    chunks = (b"x" * 1000 for _ in range(2000))
    assert_problem(client.post("/items", content=chunks), 413)


def test_an_unknown_path_is_404(client: httpx.Client) -> None:
    assert_problem(client.get("/nothing/here"), 404)


def test_an_unsupported_method_is_405(client: httpx.Client) -> None:
    response = client.put("/items", json=ITEM)
    assert_problem(response, 405)
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_a_duplicate_value_is_409(client: httpx.Client) -> None:
    client.post("/items", json=ITEM | {"name": "taken"}).raise_for_status()
    response = client.post("/items", json=ITEM | {"name": "taken"})
    assert_problem(response, 409)
    assert response.json()["detail"] == "Duplicate value for items.name."
