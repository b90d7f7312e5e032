"""Refuse a body that announces itself as too long, before any of it is read.

FastAPI's `max_body_size` counts the bytes of every body, but answers an announced length in plain
text; this answers it with a problem, as everything else is.
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
                app = problem_response(413, f"A body may have {self.max_body_size} bytes.")
        await app(scope, receive, send)
