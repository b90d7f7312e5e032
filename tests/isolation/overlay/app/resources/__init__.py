"""The registry of the probe: its one router."""

from typing import Any

from probe.routes import router

ROUTERS = [router]
DEPENDENCIES: list[Any] = []
