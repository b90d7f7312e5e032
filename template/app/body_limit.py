"""Reject a request whose Content-Length exceeds the limit, before its body is read.

FastAPI's `max_body_size` limits every body, but its response to such a Content-Length is plain
text. This middleware returns a problem, like every other error.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import problem_response


class ContentLengthLimit:
    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] == "http":
            length = Headers(scope=scope).get("content-length", "")
            if length.isdecimal() and int(length) > self.max_body_size:
                app = problem_response(413, f"The request body exceeds {self.max_body_size} bytes.")
        await app(scope, receive, send)
