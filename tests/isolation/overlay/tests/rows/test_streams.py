"""Responses that arrive piece by piece, and websockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest
from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    HTTPException,
    Request,
    Response,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware.base import BaseHTTPMiddleware

from dev import asgi
from dev.asgi import StreamingTransport
from dev.websocket import WebSocketClosedError, WebSocketRejectedError
from tests.fixtures.ws_connect import WebSocketConnect

Client = httpx.AsyncClient
happened: list[str] = []
slow_has_begun = asyncio.Event()
service = FastAPI()


@pytest.fixture(autouse=True)
def _clear() -> None:
    happened.clear()


@service.get("/events")
async def events() -> StreamingResponse:
    async def produce() -> AsyncIterator[str]:
        try:
            number = 0
            while True:
                yield f"data: {number}\n\n"
                number += 1
                await asyncio.sleep(0.01)
        finally:
            happened.append("the generator is closed")

    return StreamingResponse(produce(), media_type="text/event-stream")


@service.get("/watched")
async def watched(request: Request) -> StreamingResponse:
    async def produce() -> AsyncIterator[str]:
        yield "first"
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        happened.append("the client has gone")

    return StreamingResponse(produce())


@service.get("/fails")
async def fails() -> None:
    raise LookupError("before the first byte")


@service.get("/fails-later")
async def fails_later() -> StreamingResponse:
    async def produce() -> AsyncIterator[str]:
        yield "first"
        await asyncio.sleep(0.01)
        raise LookupError("after the first byte")

    return StreamingResponse(produce())


@service.post("/background")
async def background(tasks: BackgroundTasks) -> dict[str, int]:
    async def work() -> None:
        await asyncio.sleep(0.05)
        happened.append("the background task has run")

    tasks.add_task(work)
    return {"accepted": 1}


async def cleaned_up() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(0.01)
    happened.append("cleaned up")


@service.post("/echo", dependencies=[Depends(cleaned_up)])
async def echo(request: Request) -> Response:
    return Response(await request.body())


@service.get("/slow")
async def slow() -> None:
    slow_has_begun.set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        happened.append("cancelled")
        raise


async def through(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call(request)
    response.headers["x-through"] = "yes"
    return response


wrapped = BaseHTTPMiddleware(service, dispatch=through)


@pytest.fixture(params=[service, wrapped], ids=["plain", "middleware"])
def caller(request: pytest.FixtureRequest, engine: AsyncEngine) -> Client:
    """With `engine`, so that tasks that are left are findings."""
    return Client(
        transport=StreamingTransport(request.param, raise_app_exceptions=True),
        base_url="http://test",
    )


async def test_events_arrive_and_the_client_leaves(caller: Client) -> None:
    async with asyncio.timeout(60), caller.stream("GET", "/events") as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        found = []
        async for line in response.aiter_lines():
            found += [line] if line else []
            if len(found) == 3:
                break
    assert found == ["data: 0", "data: 1", "data: 2"]
    assert happened == ["the generator is closed"]


async def test_the_application_sees_that_the_client_has_gone(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "DISCONNECT_TIMEOUT", 600)
    transport = StreamingTransport(service, raise_app_exceptions=True)
    caller = Client(transport=transport, base_url="http://test")
    async with asyncio.timeout(60), caller.stream("GET", "/watched") as response:
        assert await anext(response.aiter_text()) == "first"


async def test_an_exception_before_the_first_byte_is_raised(caller: Client) -> None:
    with pytest.raises(LookupError, match="before the first byte"):
        await caller.get("/fails")
    with pytest.raises(LookupError, match="before the first byte"):
        async with caller.stream("GET", "/fails"):
            raise AssertionError("it has begun")


async def test_an_exception_after_the_first_byte_is_raised_by_reading(engine: AsyncEngine) -> None:
    caller = Client(
        transport=StreamingTransport(service, raise_app_exceptions=True), base_url="http://test"
    )
    with pytest.raises(LookupError, match="after the first byte"):
        await caller.get("/fails-later")
    async with caller.stream("GET", "/fails-later") as response:
        pieces = response.aiter_text()
        assert await anext(pieces) == "first"
        with pytest.raises(LookupError, match="after the first byte"):
            await anext(pieces)


async def test_users_see_a_500_or_a_response_that_is_cut_off(engine: AsyncEngine) -> None:
    caller = Client(
        transport=StreamingTransport(service, raise_app_exceptions=False), base_url="http://test"
    )
    assert (await caller.get("/fails")).status_code == 500
    assert (await caller.get("/fails-later")).text == "first"


async def test_a_response_ends_after_background_tasks_and_dependencies(caller: Client) -> None:
    assert (await caller.post("/background")).json() == {"accepted": 1}
    assert (await caller.post("/echo", content=b"hello")).content == b"hello"
    assert happened == ["the background task has run", "cleaned up"]


async def test_a_body_can_be_sent_piece_by_piece(caller: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"hel"
        yield b"lo"

    assert (await caller.post("/echo", content=pieces())).content == b"hello"


async def test_a_request_that_is_cancelled_cancels_the_application(engine: AsyncEngine) -> None:
    caller = Client(
        transport=StreamingTransport(service, raise_app_exceptions=True), base_url="http://test"
    )
    slow_has_begun.clear()
    request = asyncio.create_task(caller.get("/slow"))
    await slow_has_begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert happened == ["cancelled"]


# Websockets


@pytest.fixture
def sockets(app: FastAPI) -> Iterator[FastAPI]:
    """The application, with some websockets more."""
    before = list(app.router.routes)

    @app.websocket("/ws/echo")
    async def _echo(websocket: WebSocket) -> None:
        await websocket.accept(
            subprotocol=next(iter(websocket.scope["subprotocols"]), None),
            headers=[(b"x-who", websocket.headers.get("x-who", "nobody").encode())],
        )
        await websocket.send_json(dict(websocket.query_params))
        try:
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(message["code"], message["reason"])
                await websocket.send({**message, "type": "websocket.send"})
        except WebSocketDisconnect as gone:
            happened.append(f"{gone.code} {gone.reason}")

    @app.websocket("/ws/{how}")
    async def _others(websocket: WebSocket, how: str) -> None:
        if how == "forbidden":
            await websocket.close()
            return
        if how == "unauthorized":
            raise HTTPException(401, "Who are you?")
        await websocket.accept()
        if how == "closes":
            await websocket.close(4000, "enough")
            return
        if how == "fails":
            raise LookupError("in a websocket")
        if how == "headers":
            names = ("Authorization", "X-Own")
            await websocket.send_json([websocket.headers.getlist(name) for name in names])
        if how == "counts":
            async with app.state.sessions() as session:
                await websocket.send_json(await session.scalar(text("SELECT 1")))
        await websocket.receive_text()

    yield app
    app.router.routes[:] = before


async def test_a_websocket_echoes(sockets: FastAPI, ws_connect: WebSocketConnect) -> None:
    async with ws_connect(
        "/ws/echo?a=1", headers={"X-Who": "ann"}, subprotocols=["v2", "v1"]
    ) as one:
        assert one.subprotocol == "v2"
        assert one.headers["x-who"] == "ann"
        assert await one.receive_json() == {"a": "1"}
        async with ws_connect("/ws/echo") as two:
            await one.send_json({"b": 2})
            await two.receive_json()
            await two.send_text("two")
            await one.send_bytes(b"\x00")
            assert await two.receive_text() == "two"
            assert await one.receive_json() == {"b": 2}
            assert await one.receive_bytes() == b"\x00"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await two.receive_text()
            await two.close(4001, "bye")
            with pytest.raises(RuntimeError, match="closed"):
                await two.send_text("late")
    assert happened == ["4001 bye", "1000 "]


async def test_a_websocket_is_opened_with_the_headers_of_the_client(
    sockets: FastAPI, ws_connect: WebSocketConnect, client: Client
) -> None:
    async with ws_connect("/ws/headers") as ws:
        assert await ws.receive_json() == [[], []]
    client.headers.update({"Authorization": "Bearer mine", "X-Own": "1"})
    async with ws_connect("/ws/headers") as ws:
        assert await ws.receive_json() == [["Bearer mine"], ["1"]]
    async with ws_connect("/ws/headers", headers={"authorization": "Bearer other"}) as ws:
        assert await ws.receive_json() == [["Bearer other"], ["1"]]


async def test_a_websocket_uses_the_database(
    sockets: FastAPI, ws_connect: WebSocketConnect
) -> None:
    async with ws_connect("/ws/counts") as ws:
        assert await ws.receive_json() == 1  # and its end by WebSocketDisconnect is no failure


@pytest.mark.parametrize(("how", "status"), [("forbidden", 403), ("unauthorized", 401)])
async def test_a_rejected_websocket_is_an_error(
    sockets: FastAPI, ws_connect: WebSocketConnect, how: str, status: int
) -> None:
    with pytest.raises(WebSocketRejectedError, match=f"rejected /ws/{how} with status {status}"):
        async with ws_connect(f"/ws/{how}"):
            raise AssertionError("it was accepted")


async def test_the_end_of_a_websocket_is_an_error(
    sockets: FastAPI, ws_connect: WebSocketConnect
) -> None:
    async with ws_connect("/ws/closes") as ws:
        with pytest.raises(WebSocketClosedError, match="4000 enough") as closed:
            await ws.receive_text()
        assert (closed.value.code, closed.value.reason) == (4000, "enough")
    with pytest.raises(LookupError, match="in a websocket"):
        async with ws_connect("/ws/fails") as ws:
            await ws.receive_text()
