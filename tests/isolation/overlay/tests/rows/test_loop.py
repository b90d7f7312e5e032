"""The event loop of the tests, and what happens in another one."""

import asyncio

import pytest


async def test_the_chosen_event_loop_runs(request: pytest.FixtureRequest) -> None:
    chosen = request.config.getoption("--loop")
    assert type(asyncio.get_running_loop()).__module__.startswith(chosen)
