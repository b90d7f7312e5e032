"""Starts and stops an application as a server does, which waits for both."""

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from asgi_lifespan import LifespanManager
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dev.sandbox.tasks import line_of

MAX_SECONDS = 120.0
"""How long an application may wait for something while it starts, or ends, before that counts as
hanging. Work that does not let others run, such as loading a model, may take longer."""

_states: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


class HangingLifespanError(Exception):
    """The lifespan of the application waits for something that does not happen."""

    def __init__(self, phase: str, ended: BaseException) -> None:
        super().__init__(
            f"The {phase} of the application hangs. After {MAX_SECONDS:g} s it still waits at\n"
            f"    {line_of(ended)}\n"
            "If it needs longer, set `dev.lifespan.MAX_SECONDS` in tests/conftest.py."
        )


def started(app: ASGIApp, at_end: Callable[[], None] = lambda: None) -> LifespanManager:
    """The application, started until the block ends. Calls `at_end` when its lifespan ends.

    Raises HangingLifespanError if that takes too long.
    """

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        _states[app] = scope["state"]
        phase = "lifespan"

        async def receive_and_limit() -> Message:
            nonlocal phase
            message = await receive()
            phase = message["type"].removeprefix("lifespan.")
            limit.reschedule(asyncio.get_running_loop().time() + MAX_SECONDS)
            return message

        async def send_in_time(message: Message) -> None:
            if not limit.expired():
                limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(None) as limit:
                await app(scope, receive_and_limit, send_in_time)
        except TimeoutError as error:
            if limit.expired():
                raise HangingLifespanError(phase, error.__cause__ or error) from error
            raise
        finally:
            at_end()

    return LifespanManager(run, startup_timeout=None, shutdown_timeout=None)


def state_for_request(app: Any) -> dict[str, Any]:
    """What the lifespan has yielded: `request.state` begins with it."""
    return dict(_states.get(app, {}))
