"""Requests within the limits that would cost far more than they look."""

from collections.abc import Iterator

import httpx
import pytest

from tests.harness.project import Project
from tests.harness.service import serve_on_own_database

MEBIBYTE = 2**20
LONGEST_TEXT = 100_000


@pytest.fixture(scope="module")
def client(default_project: Project) -> Iterator[httpx.Client]:
    with serve_on_own_database(default_project) as client:
        yield client


def test_of_many_unknown_fields_the_first_are_described(client: httpx.Client) -> None:
    body = {f"field {number}": 1 for number in range(1000)}
    response = client.post("/items", json=body)
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 20
    assert response.json()["error_count"] == 1001  # and no name


def test_a_body_of_too_many_unknown_fields_is_400(client: httpx.Client) -> None:
    response = client.post("/items", json=dict.fromkeys(map(str, range(80_000)), 1))
    assert response.status_code == 400
    assert response.json()["detail"] == "The JSON body has more than 10000 values and keys."


def test_a_text_has_a_maximum(client: httpx.Client) -> None:
    response = client.post("/items", json={"name": "long", "description": "x" * 100_001})
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["body", "description"]


@pytest.mark.parametrize("sort", ["id", "-id", "-name"])
def test_a_page_of_long_texts_ends_early(client: httpx.Client, sort: str) -> None:
    ids = []
    for number in range(25):
        item = {"name": f"{sort} {number:02}", "description": "x" * LONGEST_TEXT, "price": 7}
        ids.append(client.post("/items", json=item).raise_for_status().json()["id"])
    found: list[int] = []
    query: dict[str, str] | None = {"limit": "100", "sort": sort}
    while query is not None:
        response = client.get("/items", params=query).raise_for_status()
        assert len(response.content) <= MEBIBYTE + LONGEST_TEXT + 100 * 1000
        page = response.json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        query = {"limit": "100", "sort": sort, "cursor": cursor} if cursor else None
    assert len(found) == len(set(found))
    assert [id for id in found if id in ids] == (ids[::-1] if sort.startswith("-") else ids)
