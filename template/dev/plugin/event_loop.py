"""One event loop for all tests: pytest-asyncio's, also for those with the marker of AnyIO."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # AnyIO's plugin would run these tests, and all fixtures that they use, on its own loop.
    config.pluginmanager.set_blocked("anyio")
