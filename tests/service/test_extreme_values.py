"""Values at the limits of their types: what requests may not send, SQL may have written."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.harness.project import Project
from tests.harness.service import database, serve

PLAIN = {
    "code": "a",
    "name": "a",
    "title": "aa",
    "note": "a",
    "remark": "a",
    "summary": "a",
    "contact": "ada@example.com",
    "website": "https://example.com/",
    "count": 1,
    "rank": 1,
    "weight": 1.5,
    "share": 0.5,
    "price": "1.50",
    "discount": "0.50",
    "active": True,
    "born": "2026-01-31",
    "seen_at": "2026-01-31T12:00:00Z",
    "token": "6fa459ea-ee8a-4ca4-894e-db77e160355e",
    "data": {},
    "state": "fresh",
}
EXTREMES = {
    "born": ["-infinity", "0001-01-01", "9999-12-31", "infinity"],
    "seen_at": [
        "-infinity",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "infinity",
    ],
}
"""In the order in which PostgreSQL sorts them."""

Service = tuple[httpx.Client, Callable[[str], str]]
"""A client, and a function that runs SQL in the database of the service."""

UPDATE = """
import asyncio, os, sys, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(sys.argv[1])
    await connection.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def service(rendered: Callable[[str], Project]) -> Iterator[Service]:
    project = rendered("every_field_type")
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        with serve(project, url) as client:
            yield client, lambda sql: project.python(UPDATE, sql, DATABASE_URL=url)


@pytest.mark.parametrize("field", ["born", "seen_at"])
def test_lists_of_values_that_sql_has_written_end(service: Service, field: str) -> None:
    client, run_sql = service
    maker = client.post("/makers", json={"name": field}).raise_for_status().json()["id"]
    ids = []
    for value in EXTREMES[field]:
        row = client.post("/indexeds", json=PLAIN | {"maker_id": maker}).raise_for_status().json()
        run_sql(f"UPDATE indexeds SET {field} = '{value}' WHERE id = {row['id']}")
        ids.append(row["id"])
    assert pages(client, f"/makers/{maker}/indexeds", field, len(ids)) == ids
    assert pages(client, f"/makers/{maker}/indexeds", f"-{field}", len(ids)) == ids[::-1]


def pages(client: httpx.Client, path: str, sort: str, at_most: int) -> list[int]:
    """The ids on the pages of one row each."""
    found: list[int] = []
    query: dict[str, str] = {"limit": "1", "sort": sort}
    for _ in range(at_most):
        page = client.get(path, params=query).raise_for_status().json()
        found += [row["id"] for row in page["items"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]
    raise AssertionError(f"the list does not end after {found}")


@pytest.mark.parametrize("value", ["0044-03-15 BC", "12000-01-01"])
@pytest.mark.parametrize("field", ["born", "seen_at"])
def test_a_date_that_python_does_not_have_is_named(
    service: Service, field: str, value: str
) -> None:
    client, run_sql = service
    maker = client.post("/makers", json={"name": f"{field} {value}"}).json()["id"]
    created = client.post("/indexeds", json=PLAIN | {"maker_id": maker}).raise_for_status()
    path = created.headers["location"]
    run_sql(f"UPDATE indexeds SET {field} = '{value}' WHERE id = {created.json()['id']}")
    for url in (path, f"/makers/{maker}/indexeds"):
        response = client.get(url)
        assert response.status_code == 500
        assert "a date or time before the year 1 or after 9999" in response.json()["detail"]
    assert client.patch(path, json={field: PLAIN[field]}).status_code == 500
    assert client.get("/makers").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field in ("born", "seen_at") for value in EXTREMES[field]],
)
def test_what_would_be_stored_as_infinity_is_422(service: Service, field: str, value: str) -> None:
    client, _ = service
    response = client.post("/indexeds", json=PLAIN | {"maker_id": 1, field: value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["body", field]


@pytest.mark.parametrize(
    "data", [{"longer": 1, "key": 2}, [-0.0], {"a": 1e308}, [1e-300, 5e-324, 1e23, 2**70]]
)
def test_json_is_the_same_in_all_answers(service: Service, data: object) -> None:
    client, _ = service
    maker = client.post("/makers", json={"name": f"{data}"}).raise_for_status().json()["id"]
    created = client.post("/indexeds", json=PLAIN | {"maker_id": maker, "data": data})
    path = created.raise_for_status().headers["location"]
    assert client.get(path).text == created.text
    patched = client.patch(path, json={"data": data}).raise_for_status()
    assert client.get(path).text == patched.text


def add_row(client: httpx.Client, **values: object) -> tuple[str, int]:
    """Create a row of a maker of its own; return its path and the maker's id."""
    maker = client.post("/makers", json={"name": f"{values}"[:200]}).raise_for_status().json()["id"]
    created = client.post("/indexeds", json=PLAIN | {"maker_id": maker} | values)
    return created.raise_for_status().headers["location"], maker


@pytest.mark.parametrize(
    ("field", "value", "other"),
    [
        ("data", 1, True),
        ("data", [0], [False]),
        ("data", {"a": True}, {"a": 1}),
        ("data", 2, 2.0),
        ("weight", 0.0, -0.0),
    ],
)
def test_a_patch_changes_a_value_that_python_finds_equal(
    service: Service, field: str, value: object, other: object
) -> None:
    client, _ = service
    path, _ = add_row(client, **{field: value})
    patched = client.patch(path, json={field: other}).raise_for_status()
    read = client.get(path)
    assert read.text == patched.text
    assert read.headers["etag"] == patched.headers["etag"]
    assert repr(read.json()[field]) == repr(other)
    assert client.patch(path, json={field: other}).text == read.text


def test_a_patch_with_the_values_of_the_row_changes_nothing(service: Service) -> None:
    client, _ = service
    path, _ = add_row(client, summary="unchanged")
    before = client.get(path)
    patched = client.patch(path, json=PLAIN | {"summary": "unchanged"}).raise_for_status()
    assert patched.text == before.text
    assert patched.headers["etag"] == before.headers["etag"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", "'NaN'"),
        ("data", "'[1e4300]'"),
    ],
)
def test_a_number_that_json_does_not_have_is_named(
    service: Service, field: str, value: str
) -> None:
    client, run_sql = service
    path, maker = add_row(client, summary=f"{field} {value}")
    run_sql(f"UPDATE indexeds SET {field} = {value} WHERE maker_id = {maker}")
    for url in (path, f"/makers/{maker}/indexeds"):
        response = client.get(url)
        assert response.status_code == 500
        assert "NaN, infinite or too long" in response.json()["detail"]
    assert client.patch(path, json={"name": "b"}).status_code == 500
