from unittest.mock import AsyncMock

import pytest
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Message, Receive, Scope, Send

from app.head_requests import HeadRequests
from app.main import create_app
from app.settings import Settings
from dev.sockets import DATABASE_URL

START: Message = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.mark.parametrize(
    ("scope", "seen", "body"),
    [
        ({"type": "http", "method": "HEAD"}, {"type": "http", "method": "GET"}, b""),
        ({"type": "http", "method": "POST"}, {"type": "http", "method": "POST"}, b"answer"),
        ({"type": "lifespan"}, {"type": "lifespan"}, b"answer"),
    ],
)
async def test_only_head_becomes_get_and_loses_the_body(
    scope: Scope, seen: Scope, body: bytes
) -> None:
    sent: list[Message] = []

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        assert scope == seen
        await send(START)
        await send({"type": "http.response.body", "body": b"answer", "more_body": False})

    async def send(message: Message) -> None:
        sent.append(message)

    await HeadRequests(answer)(scope, AsyncMock(), send)
    assert sent == [START, {"type": "http.response.body", "body": body, "more_body": False}]


async def test_head_has_the_length_of_what_middleware_makes_of_a_body() -> None:
    app = create_app(Settings(_env_file=None, database_url=SecretStr(DATABASE_URL)))
    app.add_middleware(GZipMiddleware)
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        head, get = await client.head("/openapi.json"), await client.get("/openapi.json")
    assert get.headers["Content-Encoding"] == "gzip"
    assert head.content == b""
    assert head.headers.keys() == get.headers.keys()
    for name in ("content-encoding", "content-length", "content-type"):
        # Middleware of your own may pass the body on in parts: then it has no length.
        assert head.headers.get(name) == get.headers.get(name)


async def test_head_ends_a_stream_that_would_go_on() -> None:
    sent: list[Message] = []

    async def stream(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        for _number in range(3):
            await send({"type": "http.response.body", "body": b"event", "more_body": True})

    async def send(message: Message) -> None:
        sent.append(message)

    await HeadRequests(stream)({"type": "http", "method": "HEAD"}, AsyncMock(), send)
    assert sent == [START, {"type": "http.response.body", "body": b"", "more_body": False}]
