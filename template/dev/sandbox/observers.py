"""What asyncpg tells of one connection to who asks: messages of the server, queries, its end."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg

from dev.sandbox.tasks import call_soon

T = TypeVar("T")
Operation = Callable[[asyncpg.Connection], Awaitable[T]]
Callback = Callable[..., Any]


class Observers:
    """The functions that want to hear of one virtual connection.

    The physical connection knows them while that one uses it. A query logger is told of neither
    BEGIN nor COMMIT, which are not sent.
    """

    def __init__(self) -> None:
        self.log_listeners: dict[Callback, Callback] = {}
        self.query_loggers: set[Callback] = set()
        self.termination_listeners: dict[Callback, Callback] = {}

    def accompany(self, operation: Operation[T]) -> Operation[T]:
        """The operation, with them listening."""
        if not self.log_listeners and not self.query_loggers:
            return operation

        async def observed(real: asyncpg.Connection) -> T:
            loggers = [*self.query_loggers]
            for logger in loggers:
                real.add_query_logger(logger)
            try:
                with self.hearing_messages(real):
                    return await operation(real)
            finally:
                for logger in loggers:
                    real.remove_query_logger(logger)

        return observed

    @contextmanager
    def hearing_messages(self, real: asyncpg.Connection) -> Iterator[None]:
        listeners = [*self.log_listeners.values()]
        for listener in listeners:
            real.add_log_listener(listener)
        try:
            yield
        finally:
            for listener in listeners:
                real.remove_log_listener(listener)

    def end(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell, once, that the connection has ended."""
        listeners, self.termination_listeners = self.termination_listeners, {}
        for listener in listeners.values():
            call_soon(loop, listener, None)


def on_behalf_of(connection: object, callback: Callback) -> Callback:
    """The callback, which gets the virtual connection instead of the physical one."""
    if inspect.iscoroutinefunction(callback):

        async def call_async(_: object, *arguments: object) -> None:
            await callback(connection, *arguments)

        return call_async

    def call(_: object, *arguments: object) -> None:
        callback(connection, *arguments)

    return call
