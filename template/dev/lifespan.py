"""Starts and stops an application as a server does, which waits for both."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from asgi_lifespan import LifespanManager
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dev.sandbox.tasks import line_of
from dev.sandbox.timeouts import Countdown, expire

MAX_SECONDS = 120.0
"""How long an application may wait for something while it starts, or ends, before that counts as
hanging. Work that does not let others run, such as loading a model, may take longer."""

_states: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


class HangingLifespanError(Exception):
    """The lifespan of the application waits for something that does not happen."""

    def __init__(self, phase: str, ended: BaseException | None = None) -> None:
        where = line_of(ended) if ended else "a line that catches its cancellation"
        super().__init__(
            f"The {phase} of the application hangs. After {MAX_SECONDS:g} s it still waits at\n"
            f"    {where}\n"
            "If it needs longer, set `dev.lifespan.MAX_SECONDS` in tests/conftest.py."
        )


def started(app: ASGIApp, at_end: Callable[[], None] = lambda: None) -> LifespanManager:
    """The application, started until the block ends. Calls `at_end` when its lifespan ends.

    Raises HangingLifespanError if that takes too long.
    """

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        _states[app] = scope["state"]
        phase = "lifespan"
        countdown: Countdown | None = None
        limit = asyncio.timeout(None)

        async def receive_and_limit() -> Message:
            nonlocal phase, countdown
            message = await receive()
            phase = message["type"].removeprefix("lifespan.")
            countdown = Countdown(MAX_SECONDS, partial(expire, limit))
            return message

        async def send_in_time(message: Message) -> None:
            if countdown is not None:
                countdown.cancel()
            if limit.expired() and message["type"].endswith(".complete"):
                raise HangingLifespanError(phase)
            await send(message)

        try:
            async with limit:
                await app(scope, receive_and_limit, send_in_time)
        except TimeoutError as error:
            if limit.expired():
                # It is also the cause, but not in Python 3.11.2, which sets none.
                raise HangingLifespanError(phase, error.__context__ or error) from error
            raise
        finally:
            if countdown is not None:
                countdown.cancel()
            at_end()

    return LifespanManager(run, startup_timeout=None, shutdown_timeout=None)


def state_for_request(app: Any) -> dict[str, Any]:
    """What the lifespan has yielded: `request.state` begins with it."""
    return dict(_states.get(app, {}))
