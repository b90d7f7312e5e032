"""The clients of a process, and the connection over which it hears of all others."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.types import Message

from app.main import create_app
from app.realtime import Hub, event_streams, hub, listener, publish, websockets
from app.realtime.channels import topic
from app.realtime.event_streams import EventStream
from app.realtime.hub import BACKLOG, TOO_SLOW
from app.realtime.listener import listen, make_engine
from app.settings import Settings
from dev.websocket import WebSocketClosedError, WebSocketRejectedError, connect
from tests.api.contract import assert_problem
from tests.fixtures.client import BASE_URL
from tests.fixtures.ws_connect import WebSocketConnect
from tests.realtime.conftest import Follow, Stream

CHAT = "/realtime/channels/chat"
URL = SecretStr("postgresql://user@db/service")
END_LISTENERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE query LIKE 'LISTEN%' AND datname = current_database()
"""


async def say(app: FastAPI, data: object) -> None:
    async with app.state.sessions.begin() as session:
        await publish(session, "chat", data)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://test.evil.example"])
async def test_a_websocket_of_a_foreign_page_is_refused(
    ws_connect: WebSocketConnect, caplog: pytest.LogCaptureFixture, origin: str
) -> None:
    with pytest.raises(WebSocketRejectedError, match="status 403"):
        async with ws_connect(CHAT, headers={"Origin": origin}):
            pass
    assert f"refused a WebSocket of a page of '{origin}'; CORS_ORIGINS lists" in caplog.text


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://test", ""),
        ("https://app.example.com", "https://app.example.com"),
        ("http://any.example", "*"),
    ],
)
async def test_pages_of_this_host_and_of_listed_origins_may_connect(
    origin: str, allowed: str
) -> None:
    app = create_app(Settings.model_validate({"database_url": URL, "cors_origins": allowed}))

    @app.websocket("/test-socket")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()

    async with connect(app, BASE_URL.join("/test-socket"), {"Origin": origin}):
        pass
    if allowed == "*":
        return
    with pytest.raises(WebSocketRejectedError, match="status 403"):
        async with connect(app, BASE_URL.join("/test-socket"), {"Origin": "http://evil.example"}):
            pass


async def test_only_so_many_clients_are_served(
    app: FastAPI, http: httpx.AsyncClient, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.realtime, "max_clients", 1)
    async with follow(CHAT):
        response = await http.get(CHAT)
        assert_problem(response, 503)
        assert response.json()["detail"] == "Too many clients are connected; try again later."
        with pytest.raises(WebSocketRejectedError, match="503"):
            async with follow(CHAT):
                pass
    async with follow(CHAT):
        pass


async def test_a_client_that_leaves_makes_room(
    app: FastAPI, follow: Follow, stream: Stream
) -> None:
    async with follow(CHAT), stream(CHAT):
        assert len(app.state.realtime.clients) == 2
    assert app.state.realtime.clients == frozenset()


async def test_head_follows_nothing(app: FastAPI, http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        response = await http.head(CHAT)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert not app.state.realtime.clients


async def test_a_client_that_is_too_slow_is_cut_off(app: FastAPI, follow: Follow) -> None:
    async with follow(CHAT) as ws:
        (client,) = app.state.realtime.clients
        for _ in range(BACKLOG + 1):  # without a pause in which they could be sent
            client.put(hub.RESET)
        with pytest.raises(WebSocketClosedError) as error:
            await ws.receive_json()
        assert (error.value.code, error.value.reason) == TOO_SLOW


async def test_a_stream_that_nobody_reads_makes_room(
    app: FastAPI, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "SEND_TIMEOUT", 0.01)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 3:
            await asyncio.Event().wait()  # as a server does that can write no more

    async with stream(CHAT):
        (client,) = app.state.realtime.clients
        client.put(hub.RESET)
        async with asyncio.timeout(10):
            await EventStream.of(client).stream_response(send)
    assert [message["type"] for message in sent][1:] == ["http.response.body"] * 2


async def test_a_stream_that_is_too_slow_ends(app: FastAPI, stream: Stream) -> None:
    async with stream(CHAT) as events:
        (client,) = app.state.realtime.clients
        for _ in range(BACKLOG + 1):
            client.put(hub.RESET)
        with pytest.raises(AssertionError, match="the stream has ended"):
            await events.receive()


async def test_a_quiet_connection_has_a_heartbeat(
    app: FastAPI, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websockets, "HEARTBEAT", 0.01)
    async with follow(CHAT) as ws:
        assert await ws.receive_json() == {"type": "heartbeat"}
        assert await ws.receive_json() == {"type": "heartbeat"}


async def test_nobody_can_follow_while_the_service_does_not_listen(
    app: FastAPI, http: httpx.AsyncClient, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with follow(CHAT):
        pass
    monkeypatch.setattr(hub, "READY_TIMEOUT", 0.01)
    app.state.realtime.pause()
    assert_problem(await http.get(CHAT), 503)
    with pytest.raises(WebSocketRejectedError, match="does not hear of changes at the moment"):
        async with follow(CHAT):
            pass
    app.state.realtime.begin()


@pytest.mark.parametrize(
    "payload", ["", "1", "{}", '{"topic": "channels/chat", "message": 1}', "[" * 7000]
)
async def test_notifications_of_others_are_ignored(
    app: FastAPI, follow: Follow, db_session: AsyncSession, payload: str
) -> None:
    async with follow(CHAT) as ws:
        statement = text("SELECT pg_notify('realtime', :payload)")
        await db_session.execute(statement, {"payload": payload})
        await say(app, "hello")
        assert (await ws.receive_json())["data"] == "hello"


@pytest.mark.committed
async def test_the_listener_comes_back_and_says_that_something_may_be_missing(
    app: FastAPI, follow: Follow, db_session: AsyncSession
) -> None:
    async with follow(CHAT) as ws:
        assert await db_session.scalar(text(END_LISTENERS)) == 1
        assert await ws.receive_json() == {"type": "reset"}
        await say(app, "hello")
        assert (await ws.receive_json())["data"] == "hello"


async def test_the_listener_tries_again_at_growing_intervals(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([OSError("no route to host")] * 9)

    async def fail(*_: object) -> None:
        raise next(failures, asyncio.CancelledError())

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    delays: list[float] = []
    monkeypatch.setattr(listener, "_listen_once", fail)
    monkeypatch.setattr(listener, "sleep", sleep)
    monkeypatch.setattr(listener, "uniform", lambda _, high: high)
    own = Hub(max_clients=1)
    own.wanted.set()
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await listen(app.state.engine, own)
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert "not listening: no route to host; next attempt in 10.0 s" in caplog.text


async def test_a_connection_that_is_silent_for_long_is_asked(
    app: FastAPI, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "ASK_EVERY", 0.001)
    async with another_process(app.state.engine) as own, follow(CHAT) as ws:
        await asyncio.sleep(0.02)
        await own.ready()
        await say(app, "hello")
        assert (await ws.receive_json())["data"] == "hello"


@asynccontextmanager
async def another_process(engine: AsyncEngine) -> AsyncIterator[Hub]:
    """The hub of another process, as far as the database can tell."""
    own = Hub(max_clients=1)
    own.wanted.set()
    settings = Settings(_env_file=None)
    task = asyncio.create_task(listen(make_engine(engine, settings), own))
    await own.ready()
    yield own
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.committed
async def test_all_processes_hear(app: FastAPI, follow: Follow) -> None:
    async with follow(CHAT) as ws, another_process(app.state.engine) as other:
        (client,) = app.state.realtime.clients
        with other.subscribe({topic("chat")}, client.viewer) as subscription:
            await say(app, "hello")
            assert (await ws.receive_json())["data"] == "hello"
            message = await anext(subscription)
            assert '"data": "hello"' in message.text


def test_nobody_can_listen_through_a_pooler(app: FastAPI) -> None:
    pooled = Settings(_env_file=None, database_url=URL, database_pooler="transaction")
    with pytest.raises(ValueError, match="set REALTIME_DATABASE_URL"):
        make_engine(app.state.engine, pooled)
    direct = pooled.model_copy(
        update={"realtime_database_url": SecretStr("postgresql://user@direct/service")}
    )
    assert make_engine(app.state.engine, direct).url.host == "direct"


def test_the_url_for_listening_is_checked_at_once() -> None:
    with pytest.raises(ValueError, match="realtime_database_url"):
        Settings(_env_file=None, realtime_database_url=SecretStr("mysql://db/service"))
