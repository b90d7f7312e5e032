"""Starts and stops an application as a server does, which waits for both."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from asgi_lifespan import LifespanManager
from starlette.types import ASGIApp, Receive, Scope, Send

_states: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def started(app: ASGIApp, at_end: Callable[[], None] = lambda: None) -> LifespanManager:
    """The application, started until the block ends. Calls `at_end` when its lifespan ends."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        _states[app] = scope["state"]
        try:
            await app(scope, receive, send)
        finally:
            at_end()

    return LifespanManager(run, startup_timeout=None, shutdown_timeout=None)


def state_for_request(app: Any) -> dict[str, Any]:
    """What the lifespan has yielded: `request.state` begins with it."""
    return dict(_states.get(app, {}))
