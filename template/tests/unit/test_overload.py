"""The limit of requests under way."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from httpx import AsyncClient

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
