"""Messages to channels."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from fastapi import FastAPI

from app.realtime import Viewer, publish, router
from dev.websocket import WebSocketClosedError, WebSocketRejectedError
from tests.api.contract import assert_problem
from tests.realtime.conftest import Follow, Stream

CHAT = "/realtime/channels/chat"


async def say(app: FastAPI, data: object, channel: str = "chat") -> None:
    async with app.state.sessions.begin() as session:
        await publish(session, channel, data)


def content(message: Any) -> Any:
    assert message["type"] == "message", message
    return message["data"]


async def test_a_message_reaches_all_clients(follow: Follow, stream: Stream) -> None:
    async with follow(CHAT) as one, follow(CHAT) as two, stream(CHAT) as three:
        await one.send_json({"content": "hello"})
        received = await one.receive_json()
        assert received["channel"] == "chat"
        assert received["data"] == {"content": "hello"}
        assert received["sender"].keys() >= {"name"}
        assert await two.receive_json() == received
        assert await three.receive() == received


async def test_what_a_client_sends_before_it_leaves_reaches_the_others(follow: Follow) -> None:
    async with follow(CHAT) as listener:
        async with follow(CHAT) as ws:
            await ws.send_text("no JSON")
            for number in range(20):
                await ws.send_json(number)
        received = [content(await listener.receive_json()) for _ in range(20)]
    assert received == list(range(20))


async def test_two_equal_messages_both_arrive(app: FastAPI, follow: Follow) -> None:
    async with follow(CHAT) as ws:
        async with app.state.sessions.begin() as session:
            await publish(session, "chat", "hello")
            await publish(session, "chat", "hello")
        one, two = await ws.receive_json(), await ws.receive_json()
        assert (one["data"], one["sender"]) == ("hello", None)
        assert one["id"] != two["id"]


async def test_a_message_is_sent_with_its_transaction(app: FastAPI, follow: Follow) -> None:
    async with follow(CHAT) as ws:
        async with app.state.sessions() as session:
            await publish(session, "chat", "undone")
            await session.rollback()
        await say(app, "done")
        assert content(await ws.receive_json()) == "done"


async def test_other_channels_are_not_heard(app: FastAPI, follow: Follow) -> None:
    async with follow(CHAT) as one, follow("/realtime/channels/other") as two:
        await say(app, "to chat")
        await say(app, "to other", "other")
        assert content(await one.receive_json()) == "to chat"
        assert content(await two.receive_json()) == "to other"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await one.receive_json()


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("{", "the message is not JSON"),
        ("NaN", "the message is not JSON"),
        ("[" * 3000, "the message is not JSON"),
        ('"' + "a" * 8000 + '"', "the message has 8002 characters; the maximum is 7999"),
        ('"' + "\u00e9" * 4000 + '"', "the message takes 24"),
    ],
)
async def test_the_sender_learns_what_is_wrong_with_a_message(
    follow: Follow, text: str, detail: str
) -> None:
    async with follow(CHAT) as ws:
        await ws.send_text(text)
        answer = await ws.receive_json()
        assert answer["type"] == "error"
        assert answer["detail"].startswith(detail)
        await ws.send_bytes(b"1")
        assert (await ws.receive_json())["detail"] == "a message has to be text, not bytes"
        await ws.send_json("\0\u00e9")
        assert content(await ws.receive_json()) == "\0\u00e9"


async def test_what_is_too_long_is_refused_before_it_is_sent(app: FastAPI, follow: Follow) -> None:
    async with app.state.sessions.begin() as session:
        with pytest.raises(ValueError, match="write it into a table and send its id"):
            await publish(session, "chat", "a" * 8000)
    async with follow(CHAT) as ws:
        await say(app, "a" * 7800)
        assert len(content(await ws.receive_json())) == 7800


async def test_a_channel_without_a_proper_name_cannot_be_followed(
    http: httpx.AsyncClient, follow: Follow
) -> None:
    assert_problem(await http.get("/realtime/channels/a%20b"), 422)
    with pytest.raises(WebSocketRejectedError):
        async with follow("/realtime/channels/a%20b"):
            pass


async def test_the_sender_learns_that_the_database_is_gone(
    app: FastAPI, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with follow(CHAT) as ws:
        with monkeypatch.context() as patch:
            patch.setattr(router, "publish", AsyncMock(side_effect=ConnectionError))
            await ws.send_json("hello")
            answer = await ws.receive_json()
            assert answer["detail"] == "the message was not sent; try again later"
        await ws.send_json("hello")
        assert content(await ws.receive_json()) == "hello"


async def test_what_must_not_be_sent_is_refused(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Viewer, "may_send_to", lambda *_: False)
    async with follow(CHAT) as ws:
        await ws.send_json("hello")
        assert (await ws.receive_json())["detail"] == "only the service sends to 'chat'"


async def test_a_channel_that_must_not_be_followed_is_404(
    http: httpx.AsyncClient, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Viewer, "may_follow", lambda *_: False)
    response = await http.get(CHAT)
    assert_problem(response, 404)
    assert response.json()["detail"] == "Channel 'chat' not found."
    with pytest.raises(WebSocketRejectedError, match="404"):
        async with follow(CHAT):
            pass


async def test_who_follows_changes_cannot_send(follow: Follow) -> None:
    async with follow("/realtime/changes") as ws:
        await ws.send_json("hello")
        with pytest.raises(WebSocketClosedError, match="Nothing can be sent here"):
            await ws.receive_json()
