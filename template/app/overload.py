"""Limits the requests under way, so that a slow database does not make all of them slow."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem_response
from app.raw_headers import first_header

EVENT_STREAM = b"text/event-stream"
MAX_END = 1.0  # seconds to end a stream
HEALTH_CHECKS = ("/health/live", "/health/ready")
"""Always answered: a service that is busy must not be taken for one that is gone."""


def is_health_check(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.endswith(HEALTH_CHECKS)


class RequestLimit:
    """Answers 503 at once if `max_requests` requests are under way.

    A stream of server-sent events does not count once it has begun, since it may last for hours. It
    ends when the server cancels it.
    """

    def __init__(self, app: ASGIApp, max_requests: int) -> None:
        self.app = app
        self.max_requests = max_requests
        self.under_way = 0

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or is_health_check(scope):
            return self.app(scope, receive, send)
        if self.under_way >= self.max_requests:
            detail = "Too many requests are under way; try again later."
            response = problem_response(503, detail, headers={"Retry-After": "1"})
            return response(scope, receive, send)
        return self._call(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        streams = False

        def notice_stream(message: Message) -> Awaitable[None]:
            nonlocal streams
            if message["type"] == "http.response.start" and _is_event_stream(message):
                streams = True
                self.under_way -= 1
            return send(message)

        self.under_way += 1
        try:
            await self.app(scope, receive, notice_stream)
        except asyncio.CancelledError:
            if not streams:
                raise
            # The server stops. It would log an error for each stream that does not end. A client
            # that does not read would not even take this.
            with suppress(TimeoutError):
                async with asyncio.timeout(MAX_END):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if not streams:
                self.under_way -= 1


def _is_event_stream(start: Message) -> bool:
    return first_header(start, b"content-type").startswith(EVENT_STREAM)
