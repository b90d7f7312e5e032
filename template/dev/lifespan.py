"""Starts and stops an application as a server does, which waits for both."""

from asgi_lifespan import LifespanManager
from starlette.types import ASGIApp


def started(app: ASGIApp) -> LifespanManager:
    """The application, started until the block ends."""
    return LifespanManager(app, startup_timeout=None, shutdown_timeout=None)
