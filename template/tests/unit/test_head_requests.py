from unittest.mock import AsyncMock

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.head_requests import HeadRequests

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
