"""Requests, websockets, background work and streams, on the tests' own event loop."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from httpx import URL, AsyncClient
from probe.models import Account, Post
from probe.routes import marker
from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError, MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from tests.rows.conftest import Names

from app.database import Sessionmaker
from app.settings import Settings
from dev.asgi import StreamingTransport
from dev.lifespan import started
from dev.websocket import connect


class Socket:
    """The client's end of a websocket, in the test's own event loop."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.from_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()

    async def ask(self, text: str) -> str:
        await self.to_app.put({"type": "websocket.receive", "text": text})
        answer: str = (await self.from_app.get())["text"]
        return answer


@asynccontextmanager
async def websocket(app: FastAPI, path: str) -> AsyncIterator[Socket]:
    socket = Socket()
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "headers": [],
        "query_string": b"",
    }
    task = asyncio.create_task(app(scope, socket.to_app.get, socket.from_app.put))
    await socket.to_app.put({"type": "websocket.connect"})
    assert (await socket.from_app.get())["type"] == "websocket.accept"
    yield socket
    await socket.to_app.put({"type": "websocket.receive", "text": "bye"})
    await task


async def test_background_work_is_done_when_the_response_is_there(
    client: AsyncClient, names: Names
) -> None:
    await client.post("/background/z")
    assert await names() == ["z", "z-later"]


async def test_two_sockets_and_requests_write_at_once(
    app: FastAPI, client: AsyncClient, names: Names
) -> None:
    async with websocket(app, "/socket") as first, websocket(app, "/socket") as second:
        await asyncio.gather(
            first.ask("a"),
            second.ask("b"),
            client.post("/accounts", json={"name": "c"}),
            client.get("/names"),
        )
        assert await first.ask("d") == "4"
    assert sorted(await names()) == ["a", "b", "c", "d"]


async def test_a_stream_is_read_from_the_database_while_it_is_sent(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    db_session.add_all(Account(name=f"n{number}") for number in range(120))
    await db_session.flush()
    assert len((await client.get("/stream")).text.splitlines()) == 120


async def test_a_request_shares_no_context_with_the_test(client: AsyncClient) -> None:
    marker.set("of the test")
    assert (await client.post("/mark/first")).json() == "of the test"
    assert marker.get() == "of the test"
    assert (await client.post("/mark/second")).json() == "of the test"


async def test_the_application_was_started(app: FastAPI) -> None:
    assert app.state.sessions is not None


async def test_its_start_and_its_end_may_take_long(app: FastAPI) -> None:
    lifespan = started(app)
    assert (lifespan.startup_timeout, lifespan.shutdown_timeout) == (None, None)


async def test_requests_and_sockets_have_the_state_of_the_lifespan(engine: AsyncEngine) -> None:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        yield {"greeting": "hello"}

    app = FastAPI(lifespan=lifespan)

    @app.get("/greeting")
    async def greet(request: Request) -> str:
        greeting: str = request.state.greeting
        request.state.greeting = "of this request only"
        return greeting

    @app.websocket("/greeting")
    async def greet_socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(socket.state.greeting)
        await socket.close()

    transport = StreamingTransport(app, raise_app_exceptions=True)
    async with started(app), AsyncClient(transport=transport, base_url="http://test") as client:
        for _ in range(2):
            assert (await client.get("/greeting")).json() == "hello"
        async with connect(app, URL("ws://test/greeting")) as socket:
            assert await socket.receive_text() == "hello"


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_dependency_overrides_end_with_the_test(app: FastAPI, attempt: str) -> None:
    assert app.dependency_overrides == {}
    app.dependency_overrides[test_the_application_was_started] = lambda: None


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_routes_that_a_test_adds_end_with_it(
    app: FastAPI, client: AsyncClient, attempt: str
) -> None:
    assert "/attempt" not in app.openapi()["paths"]

    @app.get("/attempt")
    async def answer() -> str:
        return attempt

    assert "/attempt" in app.openapi()["paths"]
    assert (await client.get("/attempt")).json() == attempt


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_patches_of_the_state_of_the_application_end_with_the_test(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, attempt: str
) -> None:
    assert isinstance(app.state.settings, Settings)
    monkeypatch.setattr(app.state, "settings", attempt)
    assert app.state.settings == attempt


lifespans: list[Any] = []


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_the_lifespan_of_a_router_that_a_test_includes_ends_with_it(
    app: FastAPI, attempt: str
) -> None:
    lifespans.append(app.router.lifespan_context)
    assert lifespans[0] is lifespans[-1]
    app.include_router(APIRouter())
    assert app.router.lifespan_context is not lifespans[0]


async def test_test_and_application_share_no_objects(
    client: AsyncClient, db_session: AsyncSession, sessions: Sessionmaker
) -> None:
    """Otherwise a relationship that the application forgot to load would be there by accident."""
    account = Account(name="shared")
    db_session.add(Post(account=account))
    await db_session.flush()
    async with sessions() as session:
        found = (await session.scalars(select(Post))).one()
        assert found.account_id == account.id
        with pytest.raises((InvalidRequestError, MissingGreenlet)):
            _ = found.account


async def test_a_commit_that_the_application_forgot_shows(
    sessions: Sessionmaker, names: Names
) -> None:
    async with sessions() as session:
        session.add(Account(name="forgotten"))
        await session.flush()
    assert await names() == []


async def test_a_session_that_was_closed_fails_instead_of_opening_again(
    sessions: Sessionmaker,
) -> None:
    """A stream that outlives the dependency it reads from would hold a connection unnoticed."""
    async with sessions() as session:
        await session.execute(select(Account))
    with pytest.raises(InvalidRequestError):
        await session.execute(select(Account))


async def test_an_object_of_the_test_shows_what_the_application_has_changed(
    db_session: AsyncSession, sessions: Sessionmaker
) -> None:
    account = Account(name="before")
    db_session.add(account)
    await db_session.flush()

    async def rename(name: str) -> None:
        async with sessions.begin() as session:
            found = await session.get_one(Account, account.id)
            found.name = name

    await rename("by get")
    assert (await db_session.get(Account, account.id)) is account
    assert account.name == "by get"
    await rename("by get_one")
    assert (await db_session.get_one(Account, account.id)).name == "by get_one"
    await rename("by select")
    await db_session.scalars(select(Account))
    assert account.name == "by select"
    await rename("by refresh")
    await db_session.refresh(account)
    assert account.name == "by refresh"


async def test_what_the_test_changes_is_committed_at_once(
    db_session: AsyncSession, client: AsyncClient
) -> None:
    account = Account(name="before")
    db_session.add(account)
    await db_session.flush()
    account.name = "after"
    await db_session.flush()
    assert (await client.get("/names")).json() == ["after"]


async def test_the_tests_session_cannot_block_the_application(
    db_session: AsyncSession, client: AsyncClient
) -> None:
    db_session.add(Account(name="a"))
    await db_session.flush()
    async with asyncio.timeout(10):
        assert (await client.post("/accounts", json={"name": "b"})).status_code == 201
