"""JSON that costs too much is rejected before it is parsed, and everything else reaches FastAPI."""

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.body_limit import BodySizeLimit, JsonLimit

MAX_DEPTH = 3
MAX_VALUES = 10

ALLOWED = [
    b"[[[1]]]",
    b'{"a": [{"b": 1}, {"b": 2}]}',
    b'["' + b"[" * 100 + b'"]',
    b'["' + b'\\"[,' * 100 + b'"]',
    b"[1, 2, 3, 4, 5, 6, 7, 8, 9]",
    b" " * 1000 + b"[]",
]
TOO_DEEP = [
    b"[[[[1]]]]",
    b'{"a": {"a": {"a": {}}}}',
    b"[" * 100_000,
    b'["\\\\", [[["]"]]]]',
    b"[] [[[[1]]]]",
    b"[[[{}]]]",
]
TOO_MANY = [
    b"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
    b"[" + b"[]," * 10 + b"1]",
    json.dumps({f"key {number}": number for number in range(5)}).encode(),
    json.dumps([*range(10)]).encode("utf-16"),
]


@pytest.fixture
async def service() -> AsyncIterator[httpx.AsyncClient]:
    """A service that returns the JSON that it is sent."""
    app = FastAPI()
    errors.install(app)
    app.add_middleware(JsonLimit, max_depth=MAX_DEPTH, max_values=MAX_VALUES)

    @app.post("/")
    async def echo(data: dict[str, Any] | list[Any]) -> Any:
        return data

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        client.headers["content-type"] = "application/json"
        yield client


@pytest.mark.parametrize("body", ALLOWED, ids=range(len(ALLOWED)))
async def test_json_within_the_limits_is_passed_on(service: httpx.AsyncClient, body: bytes) -> None:
    response = await service.post("/", content=body)
    assert response.status_code == 200, response.text
    assert response.json() == json.loads(body)


@pytest.mark.parametrize("body", TOO_DEEP, ids=range(len(TOO_DEEP)))
async def test_json_that_is_nested_too_deeply_is_400(
    service: httpx.AsyncClient, body: bytes
) -> None:
    response = await service.post("/", content=body)
    assert response.status_code == 400
    assert response.json()["detail"] == "The JSON body is nested more than 3 levels deep."


@pytest.mark.parametrize("body", TOO_MANY, ids=range(len(TOO_MANY)))
async def test_json_of_too_many_values_is_400(service: httpx.AsyncClient, body: bytes) -> None:
    response = await service.post("/", content=body)
    assert response.status_code == 400
    assert response.json()["detail"] == "The JSON body has more than 10 values and keys."


@pytest.mark.parametrize("media_type", ["Application/JSON", "application/merge-patch+json"])
async def test_json_is_limited_under_each_of_its_names(
    service: httpx.AsyncClient, media_type: str
) -> None:
    headers = {"Content-Type": media_type}
    assert (await service.post("/", content=TOO_DEEP[0], headers=headers)).status_code == 400


async def test_json_that_arrives_in_pieces_is_limited_as_a_whole(
    service: httpx.AsyncClient,
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in TOO_DEEP[0]:
            yield bytes([byte])

    assert (await service.post("/", content=pieces())).status_code == 400


@pytest.mark.parametrize(
    "body",
    # Long enough for the limit of values to read them.
    [
        b"]" * 100,
        b'["' + b'\\"' * 100,
        b"{" + b" " * 10,
        b"1 2 3 4 5 6",
        b"\xff\xfe" + b" \0" * 10,
        b'["\\\n[[[[      "]',
    ],
)
async def test_what_is_not_json_is_422(service: httpx.AsyncClient, body: bytes) -> None:
    assert (await service.post("/", content=body)).status_code == 422


async def test_other_bodies_are_not_limited(service: httpx.AsyncClient) -> None:
    response = await service.post("/", content=TOO_DEEP[0], headers={"content-type": "text/plain"})
    assert response.status_code == 422


async def test_the_last_piece_need_not_say_that_it_is_the_last() -> None:
    async def read(_: Scope, receive: Receive, __: Send) -> None:
        await receive()

    async def body() -> Message:
        return {"type": "http.request", "body": TOO_DEEP[0]}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(HTTPException):
        await JsonLimit(read, max_depth=3, max_values=10)(scope, body, send)


@pytest.fixture
async def small() -> AsyncIterator[httpx.AsyncClient]:
    """A service that accepts three bytes; it need not read them."""
    app = FastAPI()
    errors.install(app)
    app.add_middleware(BodySizeLimit, max_body_size=3)

    @app.post("/ignore")
    async def ignore() -> None:
        pass

    @app.post("/read")
    async def read(request: Request) -> None:
        await request.body()

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@pytest.mark.parametrize(("length", "status"), [("3", 200), ("4", 413), ("many", 200)])
async def test_a_length_beyond_the_limit_is_413(
    small: httpx.AsyncClient, length: str, status: int
) -> None:
    response = await small.post("/ignore", headers={"content-length": length})
    assert response.status_code == status


@pytest.mark.parametrize(("pieces", "status"), [([b"ab", b"c"], 200), ([b"ab", b"cd"], 413)])
async def test_a_body_without_a_length_is_counted(
    small: httpx.AsyncClient, pieces: list[bytes], status: int
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    response = await small.post("/read", content=body())
    assert response.status_code == status
    if status == 413:
        assert response.json()["detail"] == "The request body exceeds 3 bytes."


@pytest.mark.parametrize(
    "limit",
    [partial(JsonLimit, max_depth=1, max_values=9), partial(BodySizeLimit, max_body_size=1)],
)
async def test_a_body_stays_rejected_if_an_sdk_has_read_it_first(
    limit: Callable[[ASGIApp], ASGIApp],
) -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"[[1]]", "more_body": False}]

    async def receive() -> Message:
        return messages.pop()

    async def read_twice(_: Scope, receive: Receive, __: Send) -> None:
        for _attempt in range(2):
            with pytest.raises(HTTPException):
                await receive()

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    await limit(read_twice)(scope, receive, AsyncMock())
    assert messages == []
