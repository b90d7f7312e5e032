"""Every endpoint requires a user, but for those that are listed here."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from httpx import ASGITransport, AsyncClient

from app.auth import authenticate, require_scope
from app.auth.models import User
from app.features import DEPENDENCIES
from app.main import create_app
from dev.websocket import WebSocketRejectedError, connect
from tests.api.contract import assert_problem
from tests.fixtures.client import BASE_URL
from tests.fixtures.users import MakeClient

PUBLIC = {
    "GET /health/live",
    "GET /health/ready",
    "POST /email-verifications",
    "POST /logins",
    "POST /password-reset-requests",
    "POST /password-resets",
    "POST /users",
    # The documentation, which is served in development only.
    "GET /docs",
    "GET /docs/oauth2-redirect",
    "GET /openapi.json",
    "GET /redoc",
    # Your own public endpoints go below this line.
}


def routes(app: FastAPI) -> dict[str, RouteContext]:
    """All that the application answers, also by the routers that it includes."""
    return {
        f"{method} {route.path_format}": route
        for route in iter_route_contexts(app.routes)
        for method in route.methods or {"WEBSOCKET"}
        if method != "HEAD"
    }


def unprotected(app: FastAPI) -> set[str]:
    return {name for name, route in routes(app).items() if not requires_a_user(route)}


def requires_a_user(route: RouteContext) -> bool:
    dependant = getattr(route, "dependant", None)
    return dependant is not None and authenticate in calls(dependant)


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from calls(dependency)


def documented(app: FastAPI) -> dict[str, bool]:
    """The operations of the OpenAPI document, and whether each requires a token."""
    return {
        f"{method.upper()} {path}": "security" in operation
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    }


def test_every_endpoint_requires_a_user_or_is_listed_as_public(app: FastAPI) -> None:
    assert unprotected(app) == PUBLIC


def test_no_endpoint_was_overlooked(app: FastAPI) -> None:
    assert documented(app).keys() - routes(app).keys() == set()
    assert len(routes(app)) >= len(documented(app)) > len(PUBLIC)


def test_the_documentation_says_what_requires_a_token(app: FastAPI) -> None:
    public = {name for name, requires_a_token in documented(app).items() if not requires_a_token}
    assert public == PUBLIC & documented(app).keys()


def test_an_endpoint_that_somebody_forgets_is_found(app: FastAPI) -> None:
    service = create_app(app.state.settings)
    forgotten = APIRouter()

    @forgotten.get("/forgotten")
    async def read() -> None: ...

    @forgotten.websocket("/forgotten")
    async def talk(socket: WebSocket) -> None: ...

    outer = APIRouter()
    outer.include_router(forgotten, prefix="/test-router")
    service.include_router(outer)
    found = {"GET /test-router/forgotten", "WEBSOCKET /test-router/forgotten"}
    assert unprotected(service) - PUBLIC == found


async def test_a_websocket_requires_a_user_as_well(
    app: FastAPI, make_client: MakeClient, user: User
) -> None:
    service, router = FastAPI(), APIRouter()
    service.state = app.state

    @router.websocket("/test-ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")

    service.include_router(router, dependencies=DEPENDENCIES)
    url = BASE_URL.join("/test-ws")
    with pytest.raises(WebSocketRejectedError):
        async with connect(service, url):
            pass
    token = (await make_client(user)).headers["Authorization"]
    async with connect(service, url, {"Authorization": token}) as socket:
        assert await socket.receive_text() == "hello"
    offered = ["chat", f"bearer.{token.removeprefix('Bearer ')}"]
    async with connect(service, url, subprotocols=offered) as socket:
        assert await socket.receive_text() == "hello"


async def test_a_scope_is_required_where_an_endpoint_says_so(
    app: FastAPI, client: AsyncClient, make_client: MakeClient, user: User, admin: User
) -> None:
    service = create_app(app.state.settings)
    service.state = app.state

    @service.get("/test-reports", dependencies=[Depends(require_scope("admin"))])
    async def read() -> str:
        return "secret"

    for who, status in ((None, 401), (user, 403), (admin, 200)):
        headers = (await make_client(who)).headers if who else {}
        async with AsyncClient(transport=ASGITransport(service), base_url=BASE_URL) as client:
            response = await client.get("/test-reports", headers=dict(headers))
        if status == 200:
            assert response.json() == "secret"
        else:
            assert_problem(response, status)
