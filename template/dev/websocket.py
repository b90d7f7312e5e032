"""A WebSocket client of an ASGI application, on the event loop that runs."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from starlette.websockets import WebSocketDisconnect

from dev.asgi import DISCONNECT_TIMEOUT, ASGIApp, Message
from dev.lifespan import state_for_request
from dev.sandbox.tasks import spawn, waiting_for
from dev.sandbox.timeouts import stall_tolerant_timeout, still_running

RECEIVE_TIMEOUT = 5.0
"""Seconds that a client waits for the application before it raises a TimeoutError."""


class WebSocketRejectedError(Exception):
    """The application has not accepted the connection."""

    def __init__(self, path: str, status: int, body: bytes) -> None:
        detail = f": {body.decode(errors='replace')}" if body else ""
        super().__init__(f"the application rejected {path} with status {status}{detail}")
        self.status = status
        self.body = body


class WebSocketClosedError(Exception):
    """The application has closed the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the application closed the connection: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class _ClientLeftError(OSError):
    """A server raises an OSError if the application sends something after the client has left."""


class WebSocketClient:
    """The client's end of a connection; `connect` opens and closes it.

    `receive_...` raises WebSocketClosedError if the application closes the connection, what the
    application raises, and a TimeoutError if it sends nothing for RECEIVE_TIMEOUT seconds; wait
    for less with `asyncio.timeout`.
    """

    subprotocol: str | None = None
    """The one that the application has chosen."""

    headers: httpx.Headers
    """Those with which the application has accepted the connection."""

    def __init__(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        self._path = scope["path"]
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message | None] = asyncio.Queue()  # None: it has ended
        self._closed = False  # by either side
        self._has_left = False

        async def call() -> None:
            await app(scope, self._to_app.get, self._take)

        self._task = spawn(call(), f"WebSocket {self._path}")
        self._task.add_done_callback(lambda _: self._from_app.put_nowait(None))

    async def send_text(self, text: str) -> None:
        await self._send({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        await self._send({"type": "websocket.receive", "bytes": data})

    async def send_json(self, value: Any) -> None:
        await self.send_text(json.dumps(value))

    async def receive_text(self) -> str:
        text = (await self._receive()).get("text")
        assert isinstance(text, str), "the application sent bytes"
        return text

    async def receive_bytes(self) -> bytes:
        data = (await self._receive()).get("bytes")
        assert isinstance(data, bytes), "the application sent text"
        return data

    async def receive_json(self) -> Any:
        return json.loads(await self.receive_text())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, and wait until the application has ended."""
        if not self._closed:
            self._closed = self._has_left = True
            await self._to_app.put({"type": "websocket.disconnect", "code": code, "reason": reason})
        with waiting_for(self._task):
            await still_running({self._task}, DISCONNECT_TIMEOUT)
        self._raise_failure()

    async def open(self) -> None:
        """Raises WebSocketRejectedError if the application does not accept the connection."""
        await self._to_app.put({"type": "websocket.connect"})
        answer = await self._next()
        match answer["type"]:
            case "websocket.accept":
                self.subprotocol = answer.get("subprotocol")
                self.headers = httpx.Headers(answer.get("headers", []))
            case "websocket.close":
                self._closed = True
                raise WebSocketRejectedError(self._path, 403, b"")
            case _:
                body = b""
                while (piece := await self._next()).get("more_body", False):
                    body += piece.get("body", b"")
                self._closed = True
                body += piece.get("body", b"")
                raise WebSocketRejectedError(self._path, answer["status"], body)

    async def _take(self, message: Message) -> None:
        """Take what the application sends. As in a server, that fails once the client has left."""
        if self._has_left:
            raise _ClientLeftError
        await self._from_app.put(message)

    async def _send(self, message: Message) -> None:
        if self._closed or self._task.done():
            self._raise_failure()
            raise RuntimeError("The connection is closed.")
        await self._to_app.put(message)

    async def _receive(self) -> Message:
        message = await self._next()
        if message["type"] == "websocket.close":
            self._closed = True
            raise WebSocketClosedError(message.get("code", 1000), message.get("reason") or "")
        return message

    async def _next(self) -> Message:
        with waiting_for(self._task):
            async with stall_tolerant_timeout(RECEIVE_TIMEOUT):
                message = await self._from_app.get()
        if message is None:
            self._from_app.put_nowait(None)
            self._closed = True
            self._raise_failure()
            raise WebSocketClosedError(1006, "it ended without closing it")
        return message

    def _raise_failure(self) -> None:
        """Raise what the application has raised. That the client has gone is no failure."""
        if self._task.done():
            with suppress(WebSocketDisconnect, _ClientLeftError):
                self._task.result()


@asynccontextmanager
async def connect(
    app: ASGIApp,
    url: httpx.URL,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = (),
) -> AsyncIterator[WebSocketClient]:
    """Open a connection, and close it when the block ends."""
    sent = httpx.Headers({"host": url.host, **(headers or {})})
    if subprotocols:
        sent["sec-websocket-protocol"] = ", ".join(subprotocols)
    client = WebSocketClient(
        app,
        {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in sent.raw],
            "client": ("127.0.0.1", 123),
            "server": (url.host, url.port),
            "subprotocols": list(subprotocols),
            "state": state_for_request(app),
            "extensions": {"websocket.http.response": {}},
        },
    )
    try:
        await client.open()
        yield client
    finally:
        await client.close()
