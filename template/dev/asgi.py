"""Calls an ASGI application as a server does: each request in a task, each piece when it comes.

httpx's own transport hands out a response when the application has ended, which an endless one (a
stream of server-sent events) never does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from dev.lifespan import state_for_request
from dev.sandbox.tasks import AnyTask, spawn, waiting_for
from dev.sandbox.timeouts import still_running

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

DISCONNECT_TIMEOUT = 1.0
"""Seconds that the application has to end when the client is gone."""


class StreamingTransport(httpx.AsyncBaseTransport):
    """A transport of httpx that calls the application in a new task for each request.

    A response begins with its first message, and ends when the application has ended, so after its
    background tasks. A client that closes a response before that has gone, for the application.

    With `raise_app_exceptions` an exception of the application is raised by the request, or by
    reading the response if it has begun; otherwise the response has status 500 or is cut off.
    """

    def __init__(self, app: ASGIApp, *, raise_app_exceptions: bool) -> None:
        self._app = app
        self._raise_app_exceptions = raise_app_exceptions
        self._closed = False

    def close(self) -> None:
        """Refuse all further requests. There is nothing to await, as there is no connection."""
        self._closed = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._closed:
            raise RuntimeError("The test that this client was made for has ended.")
        exchange = _Exchange(request, self._raise_app_exceptions)
        return await exchange.start(self._app)


class _Exchange(httpx.AsyncByteStream):
    """A request, and its response as it comes; httpx reads and closes it."""

    _task: AnyTask

    def __init__(self, request: httpx.Request, raise_app_exceptions: bool) -> None:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        self._request = request
        self._request_body: AsyncIterator[bytes] | None = aiter(request.stream)
        self._raise_app_exceptions = raise_app_exceptions
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Future[None] | None = None  # what the client waits for
        self._over = asyncio.Event()  # the response is complete, or the client has gone
        self._head: Message | None = None
        self._complete = False
        self._pieces: list[bytes] = []
        self._raised = False

    async def start(self, app: ASGIApp) -> httpx.Response:
        """Call the application, and wait for the beginning of its response."""
        request = self._request
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 123),
            "root_path": "",
            "state": state_for_request(app),
        }
        self._task = spawn(self._call(app, scope), f"{request.method} {request.url.path}")
        self._task.add_done_callback(self._tell)
        while self._head is None and not self._task.done():
            await self._wait()
        self._check()
        head = self._head or {"status": 500}
        return httpx.Response(head["status"], headers=head.get("headers", []), stream=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                yield piece
            if self._pieces:
                continue
            self._check()
            if self._task.done():
                return
            await self._wait()

    async def aclose(self) -> None:
        self._over.set()
        if not self._task.done():
            with waiting_for(self._task):
                await still_running({self._task}, DISCONNECT_TIMEOUT)
        self._check()

    async def _wait(self) -> None:
        """Wait for news of the application. If that is cancelled, so is the application."""
        self._news = self._loop.create_future()
        try:
            with waiting_for(self._task):
                await self._news
        except asyncio.CancelledError:
            self._raised = True
            self._task.cancel()
            await asyncio.wait({self._task})
            raise

    def _tell(self, _: object = None) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _check(self) -> None:
        """Raise what the application has raised, once."""
        if not self._task.done() or self._raised:
            return
        self._raised = True
        if self._task.cancelled() or self._task.exception() is not None:
            if self._raise_app_exceptions or not isinstance(self._failure(), Exception):
                self._task.result()
        elif not self._complete and not self._over.is_set():
            raise httpx.RemoteProtocolError("The application ended before its response did.")

    def _failure(self) -> BaseException | None:
        return None if self._task.cancelled() else self._task.exception()

    # What the application sees

    async def _call(self, app: ASGIApp, scope: MutableMapping[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self._tell()  # a turn of the event loop earlier than the task's callback

    async def _receive(self) -> Message:
        if self._request_body is None:
            await self._over.wait()
            return {"type": "http.disconnect"}
        async for piece in self._request_body:
            return {"type": "http.request", "body": piece, "more_body": True}
        self._request_body = None
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            assert self._head is None, "the response has begun already"
            self._head = message
        elif message["type"] == "http.response.body":
            assert self._head is not None, "the response has not begun yet"
            assert not self._complete, "the response is complete already"
            if self._request.method != "HEAD" and (piece := message.get("body", b"")):
                self._pieces.append(piece)
            if not message.get("more_body", False):
                self._complete = True
                self._over.set()
                return  # the client waits for the end of the application
        # Later, since the rest of a short response is about to come without a pause.
        self._loop.call_soon(self._tell)
