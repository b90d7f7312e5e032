"""Logs each request, and gives it an id that is in all its logs and in its response.

The query string and the body are never logged: what they hold is often personal or secret. The
span of a request has the names of its parameters, without the values that FastAPI has given it.
"""

import logging
import re
import secrets
import time
from collections.abc import Awaitable
from urllib.parse import parse_qsl, urlencode

import structlog
from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.raw_headers import first_header

HEADER = "X-Request-ID"
RAW_HEADER = HEADER.lower().encode()
VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
CLIENT_LEFT = 499  # as nginx logs it

logger = logging.getLogger(__name__)


class RequestLog:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            seen = dict(scope)
            scope["query_string"] = b""  # uvicorn would log it
            await self.app(seen, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = first_header(scope, RAW_HEADER).decode("latin-1")
        if not VALID_ID.fullmatch(request_id):
            request_id = secrets.token_hex(16)
        # Not unbound at the end: each request has its own context, in which the server still logs.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        _hide_query(scope)
        status = CLIENT_LEFT

        def send_with_id(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = [header for header in message["headers"] if header[0] != RAW_HEADER]
                message["headers"] = [*headers, (RAW_HEADER, request_id.encode())]
            return send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _log(scope, status, time.perf_counter() - started)


def _hide_query(scope: Scope) -> None:
    if scope["query_string"] and (span := trace.get_current_span()).is_recording():
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        span.set_attribute("url.query", urlencode([(name, "REDACTED") for name, _ in query]))


def _log(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"]
    # FastAPI's route is the one of its router; only this one has the prefix of `include_router`.
    included = scope.get("fastapi", {}).get("effective_route_context")
    route = getattr(included or scope.get("route"), "path_format", None)
    if route and "app_root_path" in scope:  # in an application that is mounted
        route = scope["root_path"].removeprefix(scope["app_root_path"]) + route
    if status >= 500:
        level = logging.ERROR
    elif str(route).startswith("/health/"):
        level = logging.DEBUG
    else:
        level = logging.INFO
    duration = round(seconds * 1000, 1)
    extra = {"method": method, "route": route, "status": status, "duration_ms": duration}
    if not route:  # as the client has written it, so without line breaks
        extra["path"] = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
    logger.log(level, "%s %s %s", method, route or extra["path"], status, extra=extra)
