"""Which pages may open a WebSocket.

The rules of browsers for other origins (CORS) do not hold for WebSockets: without this, a script of
any page could connect in the name of whoever visits it, also to a service that only their network
can reach.
"""

import logging
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)


class WebSocketOrigins:
    """Rejects WebSockets of pages that neither this host serves nor `allowed` lists.

    Clients other than browsers send no `Origin`, and are not rejected.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self.app = app
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and not self._may_connect(origin, headers.get("host")):
                logger.warning(
                    "refused a WebSocket of a page of %s; CORS_ORIGINS lists those that may open "
                    "one",
                    ascii(origin),
                )
                # Before it is accepted, this is an answer with status 403.
                await send({"type": "websocket.close", "code": WS_1008_POLICY_VIOLATION})
                return
        await self.app(scope, receive, send)

    def _may_connect(self, origin: str, host: str | None) -> bool:
        if origin in self.allowed or "*" in self.allowed:
            return True
        return "://" in origin and origin.partition("://")[2] == host
