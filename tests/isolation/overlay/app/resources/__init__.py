"""The registry of the probe: its one router."""

from probe.routes import router

ROUTERS = [router]
