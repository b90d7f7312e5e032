"""Routers are passed over for paths that none of their routes can have, and for no others."""

from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Mount
from starlette.types import Scope

from app.own_paths import skip_other_paths

compared: list[str] = []


class Noted(APIRoute):
    """Notes with which routes a request is compared."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        compared.append(self.path)
        return super().matches(scope)


def router_with(*paths: str, prefix: str = "") -> APIRouter:
    router = APIRouter(prefix=prefix, route_class=Noted)
    for path in paths:
        router.get(path)(lambda path=path: prefix + path)
    return skip_other_paths(router)


ITEMS = router_with("", "/{id}", "/{id}/parts/{part}", prefix="/items")
BY_ANY_NAME = router_with("/{name}/page")
MOUNTED = skip_other_paths(APIRouter(routes=[Mount("/static", PlainTextResponse("a file"))]))
OUTER = skip_other_paths(APIRouter())
OUTER.include_router(router_with("/inner"))


def client_of(app: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    for router in (ITEMS, BY_ANY_NAME, MOUNTED, OUTER):
        app.include_router(skip_other_paths(router), prefix="/v1")
        app.include_router(router)
    async with client_of(app) as client:
        compared.clear()
        yield client


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/items", '"/items"'),
        ("/items/7", '"/items/{id}"'),
        ("/items/7/parts/8", '"/items/{id}/parts/{part}"'),
        ("/anything/page", '"/{name}/page"'),
        ("/items/page", '"/items/{id}"'),
        ("/static/file", "a file"),
        ("/inner", '"/inner"'),
    ],
)
async def test_every_path_leads_to_its_route(
    client: AsyncClient, prefix: str, path: str, body: str
) -> None:
    response = await client.get(prefix + path)
    assert (response.status_code, response.text) == (200, body)


async def test_routes_that_cannot_have_the_path_are_not_compared(client: AsyncClient) -> None:
    assert (await client.get("/anything/page")).status_code == 200
    assert set(compared) == {"/{name}/page"}


async def test_other_paths_are_404_and_other_methods_405(client: AsyncClient) -> None:
    assert (await client.get("/unknown")).status_code == 404
    assert (await client.post("/items/7")).status_code == 405


async def test_a_route_that_is_added_later_is_found() -> None:
    router = router_with("/now")
    app = FastAPI()
    app.include_router(router)
    async with client_of(app) as client:
        assert (await client.get("/later")).status_code == 404
        router.get("/later")(lambda: "found")
        assert (await client.get("/later")).text == '"found"'
