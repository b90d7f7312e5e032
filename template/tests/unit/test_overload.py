"""The limit of requests under way."""

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import AsyncMock

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from httpx import AsyncClient
from starlette.types import Message, Receive, Scope, Send

from app import overload
from app.overload import RequestLimit
from dev.asgi import StreamingTransport
from tests.fixtures.client import BASE_URL


@pytest.mark.parametrize(("media_type", "status"), [("text/event-stream", 200), ("text/csv", 503)])
async def test_only_a_stream_of_events_is_no_longer_under_way_when_it_has_begun(
    media_type: str, status: int
) -> None:
    app = FastAPI()

    async def endless() -> AsyncIterator[str]:
        yield "begun"
        await asyncio.Event().wait()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(endless(), media_type=media_type)

    @app.get("/other")
    async def other() -> None: ...

    transport = StreamingTransport(RequestLimit(app, max_requests=1), raise_app_exceptions=True)
    async with AsyncClient(transport=transport, base_url=BASE_URL) as client:
        async with client.stream("GET", "/stream") as response:
            assert await anext(response.aiter_text()) == "begun"
            assert (await client.get("/other")).status_code == status
        assert (await client.get("/other")).status_code == 200


@pytest.mark.parametrize(("media_type", "ends"), [("text/event-stream", True), ("text/csv", False)])
async def test_only_a_stream_of_events_ends_when_the_server_stops(
    media_type: str, ends: bool
) -> None:
    begun = asyncio.Event()
    sent: list[Message] = []

    async def endless(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", media_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        begun.set()
        await asyncio.Event().wait()

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/stream"}
    limited = RequestLimit(endless, max_requests=1)
    request = asyncio.ensure_future(limited(scope, AsyncMock(), send))
    await begun.wait()
    request.cancel()
    await asyncio.wait({request})
    end: Message = {"type": "http.response.body", "body": b"", "more_body": False}
    assert (end in sent) is ends
    assert request.cancelled() is not ends
    assert limited.under_way == 0


async def test_a_stream_that_nobody_reads_does_not_keep_the_server_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overload, "MAX_END", 0.01)
    begun = asyncio.Event()

    async def endless(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        begun.set()
        await asyncio.Event().wait()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    limited = RequestLimit(endless, max_requests=1)
    request = asyncio.ensure_future(limited({"type": "http", "path": "/"}, AsyncMock(), send))
    await begun.wait()
    request.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait({request})
