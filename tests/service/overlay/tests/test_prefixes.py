"""A resource under a prefix with a parameter. Runs inside a rendered project."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.resources.item.router import router


@pytest.fixture
def app(app: FastAPI) -> Iterator[FastAPI]:
    routes = app.router.routes[:]
    app.include_router(router, prefix="/{customer}")
    yield app
    app.router.routes[:] = routes


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    "customer", ["a%20b", "%C3%BC", "%E6%97%A5%E6%9C%AC", "a%3Fb", "a%23b", "100%25", "a:b"]
)
async def test_the_location_is_a_url_that_finds_the_row(
    client: AsyncClient, customer: str, slash: str
) -> None:
    created = await client.post(f"/{customer}/items{slash}", json={"name": "under a prefix"})
    location = created.headers["Location"]
    assert created.status_code == 201
    assert location.isascii()
    assert " " not in location
    assert location.endswith(f"/items/{created.json()['id']}")
    assert (await client.get(location)).json() == created.json()
