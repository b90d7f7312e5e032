from typing import Any

import pytest
from fastapi import Response as FastAPIResponse
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr

from app.main import create_app
from app.settings import Settings

URL = SecretStr("postgresql://user@db/service")
PRODUCTION: dict[str, Any] = {"environment": "production", "secret_key": "k" * 32}


async def get(
    path: str, headers: dict[str, str] | None = None, method: str = "GET", **settings: Any
) -> Response:
    app = create_app(Settings(_env_file=None, database_url=URL, **settings))

    @app.get("/test-crash")
    async def crash() -> None:
        raise RuntimeError

    @app.get("/test-cached")
    async def cached(response: FastAPIResponse) -> None:
        response.headers["Cache-Control"] = "public, max-age=60"

    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_documentation_is_served_in_development_and_on_demand(path: str) -> None:
    assert (await get(path)).status_code == 200
    assert (await get(path, serve_docs=False)).status_code == 404
    assert (await get(path, **PRODUCTION)).status_code == 404
    assert (await get(path, **PRODUCTION, serve_docs=True)).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/health/live", "/no/such/path", "/test-crash"])
async def test_responses_tell_browsers_what_not_to_do(path: str) -> None:
    headers = (await get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert headers["Cache-Control"] == "private, no-cache"


async def test_an_endpoint_may_let_caches_keep_its_response() -> None:
    assert (await get("/test-cached")).headers["Cache-Control"] == "public, max-age=60"


async def test_every_host_is_answered_by_default() -> None:
    assert (await get("/docs", {"Host": "other.example"})).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example", 200),
        ("API.example:8000", 200),
        ("eu.shop.example", 200),
        ("shop.example", 400),
        ("example", 400),
        ("api.example@evil.example", 400),
        ("two.example", 400),
    ],
)
async def test_only_allowed_hosts_are_answered(host: str, status: int) -> None:
    allowed = "api.example, *.shop.example, www.two.example"
    response = await get("/docs", {"Host": host}, allowed_hosts=allowed)
    assert response.status_code == status


async def test_other_hosts_are_answered_with_a_problem() -> None:
    response = await get("/docs", {"Host": "evil.example"}, allowed_hosts="api.example")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "Invalid Host header."


async def test_health_checks_are_answered_whatever_their_host() -> None:
    response = await get("/health/live", {"Host": "10.0.0.7:8000"}, allowed_hosts="api.example")
    assert response.status_code == 200


async def test_scripts_of_other_origins_can_read_nothing_by_default() -> None:
    response = await get("/docs", {"Origin": "https://app.example"})
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("path", ["/docs", "/no/such/path", "/test-crash"])
async def test_scripts_of_chosen_origins_can_read_responses(path: str) -> None:
    origins = "https://app.example,http://localhost:3000"
    response = await get(path, {"Origin": "http://localhost:3000"}, cors_origins=origins)
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    response = await get(path, {"Origin": "https://evil.example"}, cors_origins=origins)
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_scripts_of_chosen_origins_can_send_every_request_and_read_our_headers() -> None:
    origin = {"Origin": "https://app.example"}
    question = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "If-Match",
    }
    answer = await get("/docs", origin | question, "OPTIONS", cors_origins=origin["Origin"])
    assert answer.status_code == 200
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "If-Match" in answer.headers["Access-Control-Allow-Headers"]
    headers = (await get("/docs", origin, cors_origins=origin["Origin"])).headers
    exposed = headers["Access-Control-Expose-Headers"].split(", ")
    assert sorted(exposed) == ["ETag", "Location", "Retry-After", "X-Request-ID"]
