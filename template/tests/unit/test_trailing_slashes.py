import pytest
from fastapi import FastAPI, Request
from httpx import ASGITransport, AsyncClient

from app.trailing_slashes import ignore_trailing_slashes


@pytest.fixture
def client() -> AsyncClient:
    app = FastAPI(redirect_slashes=False)
    ignore_trailing_slashes(app.router)
    for path in ("/both", "/both/", "/without"):
        app.get(path)(lambda path=path: path)
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/both", "/both"),
        ("/both/", "/both/"),
        ("/without", "/without"),
        ("/without/", "/without"),
        ("/without" + "/" * 5000, "/without"),
    ],
)
async def test_a_path_leads_to_its_route(client: AsyncClient, path: str, route: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()) == (200, route)


@pytest.mark.parametrize("path", ["/", "//", "/unknown", "/unknown/"])
async def test_other_paths_are_not_found(client: AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_the_path_that_the_endpoint_sees_has_no_slash_at_its_end() -> None:
    app = FastAPI(redirect_slashes=False)
    ignore_trailing_slashes(app.router)
    paths: list[bytes] = []

    async def endpoint(request: Request) -> None:
        paths.append(request.scope["raw_path"])

    app.get("/path")(endpoint)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        await client.get("/path//")
    assert paths == [b"/path"]


async def test_other_methods_are_not_allowed(client: AsyncClient) -> None:
    assert (await client.post("/without/")).status_code == 405
