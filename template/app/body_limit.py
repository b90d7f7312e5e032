"""Reject bodies that are too large, and JSON that costs too much, before FastAPI reads them.

This middleware hands on what the application returns, instead of awaiting it in a coroutine of its
own: each coroutine takes processor time in each request.
"""

import json
import re
from collections.abc import Awaitable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem_response
from app.raw_headers import first_header

# A bracket, a text or another value; the rest separates them. It never backtracks, so that a body
# is read once, even if it is not JSON.
JSON_TOKEN = re.compile(
    r"""(?P<opening>[\[{]) | (?P<closing>[\]}]++) | (?P<separator>[\s:,]++)
    | "(?:[^"\\]++|\\.)*+"? | [^\s:,\[\]{}"]++""",
    re.VERBOSE | re.DOTALL,
)


class BodySizeLimit:
    """Rejects a body that exceeds the limit, at once if its Content-Length does.

    FastAPI's `max_body_size` does the same, but its response to such a Content-Length is plain text
    instead of a problem.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size
        self.detail = f"The request body exceeds {max_body_size} bytes."

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        app = self.app
        if scope["type"] == "http":
            length = first_header(scope, b"content-length")
            if length.isdigit() and int(length) > self.max_body_size:
                app = problem_response(413, self.detail)
            else:
                receive = self._counted(receive)
        return app(scope, receive, send)

    def _counted(self, receive: Receive) -> Receive:
        size = 0

        async def receive_counted() -> Message:
            nonlocal size
            if size <= self.max_body_size:  # else it was rejected: nothing more may come
                message = await receive()
                size += len(message.get("body", b""))
                if size <= self.max_body_size:
                    return message
            raise HTTPException(413, self.detail)

        return receive_counted


class JsonLimit:
    """Rejects JSON that is nested too deeply, or consists of too many values and keys.

    A body of a megabyte can hold half a million values. Validating them, or describing what is
    wrong with each, would keep all other requests waiting.
    """

    def __init__(self, app: ASGIApp, max_depth: int, max_values: int) -> None:
        self.app = app
        self.max_depth = max_depth
        self.max_values = max_values

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and b"json" in first_header(scope, b"content-type").lower():
            receive = self._checked(receive)
        return self.app(scope, receive, send)

    def _checked(self, receive: Receive) -> Receive:
        chunks: list[bytes] = []
        rejection: HTTPException | None = None

        async def receive_checked() -> Message:
            nonlocal rejection
            if rejection is not None:  # nothing more may come
                raise rejection
            message = await receive()
            if message["type"] == "http.request":
                chunks.append(message.get("body", b""))
                if not message.get("more_body", False):
                    try:
                        self._check(b"".join(chunks))
                    except HTTPException as error:
                        rejection = error
                        raise
            return message

        return receive_checked

    def _check(self, body: bytes) -> None:
        # Most bodies are too short to exceed a limit, and need not be read twice.
        if len(body) <= self.max_values and body.count(b"[") + body.count(b"{") <= self.max_depth:
            return
        depth = values = 0
        for token in JSON_TOKEN.finditer(body.decode(json.detect_encoding(body), "replace")):
            match token.lastgroup:
                case "separator":
                    continue
                case "closing":
                    depth -= len(token[0])
                    if depth < 0:
                        return  # It is not JSON, which FastAPI reports.
                    continue
                case "opening":
                    depth += 1
            values += 1
            if depth > self.max_depth:
                detail = f"The JSON body is nested more than {self.max_depth} levels deep."
                raise HTTPException(400, detail)
            if values > self.max_values:
                detail = f"The JSON body has more than {self.max_values} values and keys."
                raise HTTPException(400, detail)
