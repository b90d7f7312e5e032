"""Ends the work for clients that have left, or that keep the service waiting for their request."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.raw_headers import first_header

WATCHED_AFTER = 0.05
"""Seconds after which a task begins to wait for the client to leave. Most requests end before, and
a task for each would cost more than it saves."""


class AbandonedRequests:
    """Cancels a request whose client leaves before the response begins, so that it does not keep a
    connection to the database or write something that the client never hears of. Its transaction is
    rolled back.

    A body that does not arrive within `body_timeout` seconds is answered with 408. Once a response
    has begun, Starlette ends a stream whose client leaves; background tasks are never cancelled.
    """

    def __init__(self, app: ASGIApp, body_timeout: float) -> None:
        self.app = app
        self.body_timeout = body_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = asyncio.current_task()
        if scope["type"] != "http" or request is None:
            await self.app(scope, receive, send)
            return
        client = _Client(request, receive, send, self.body_timeout)
        if not _has_body(scope):
            client.expect_no_body()
        try:
            await self.app(scope, client.receive, client.send)
            if client.has_left:
                await asyncio.sleep(0)  # a cancellation that comes too late arrives here
        except asyncio.CancelledError:
            if not client.has_left or client.request.uncancel() > 0:
                raise  # the server cancels, to stop
        finally:
            client.stop_watching()


class _Client:
    """The client of a request, and the task that works on it."""

    def __init__(
        self, request: asyncio.Task[Any], receive: Receive, send: Send, body_timeout: float
    ) -> None:
        self.request = request
        self.has_left = False
        self._receive = receive
        self._send = send
        self._body_timeout = body_timeout
        self._body_ends_at = asyncio.get_running_loop().time() + body_timeout
        self._has_no_body = False
        self._watcher: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def expect_no_body(self) -> None:
        self._has_no_body = True
        self._watch_later()

    def stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def receive(self) -> Message:
        """What the application receives; only one task at a time may wait for the server."""
        if self._has_no_body:
            self._has_no_body = False
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._timer is None:
            return await self._receive_body()
        self._timer.cancel()
        if self._watcher is not None:
            await asyncio.wait({self._watcher})
        return {"type": "http.disconnect"} if self.has_left else await self._receive()

    def send(self, message: Message) -> Awaitable[None]:
        self.stop_watching()
        return self._send(message)

    async def _receive_body(self) -> Message:
        try:
            async with asyncio.timeout_at(self._body_ends_at):
                message = await self._receive()
        except TimeoutError:
            detail = f"The request body did not arrive within {self._body_timeout:g} s."
            raise HTTPException(408, detail, headers={"Connection": "close"}) from None
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._watch_later()
        return message

    def _watch_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(WATCHED_AFTER, self._watch)

    def _watch(self) -> None:
        self._watcher = asyncio.create_task(self._cancel_when_it_leaves())

    async def _cancel_when_it_leaves(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # the end of the request
        self.has_left = True
        self.request.cancel()


def _has_body(scope: Scope) -> bool:
    has_length = first_header(scope, b"content-length") not in (b"", b"0")
    return has_length or first_header(scope, b"transfer-encoding") != b""
