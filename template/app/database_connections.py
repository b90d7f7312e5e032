"""Connects to the database, replaces connections that the server has closed, and closes them all.

SQLAlchemy's `pool_pre_ping` takes three round trips whenever a connection leaves the pool, which is
more than most requests need for themselves. The driver knows without asking when the server has
closed a connection. It does not know of a connection that something in between has dropped
silently, as firewalls do after minutes without traffic, so one that was idle for long is asked.
"""

import asyncio
import logging
import socket
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

MAX_IDLE = 30.0
"""Seconds after which a connection is asked whether it still works before it is used."""

IDLE_SINCE = "idle_since"

LOST_AFTER = 20
"""Seconds without an answer of the server's host after which it is taken for lost."""

TCP_OPTIONS = {
    "TCP_KEEPIDLE": LOST_AFTER // 4,
    "TCP_KEEPINTVL": LOST_AFTER // 4,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": LOST_AFTER * 1000,
}
"""Those that the system has: it asks the host while a connection waits, or sends again, for so long
and no longer. Otherwise it would wait without end, or send again for a quarter of an hour."""

CLOSE_TIMEOUT = 1.0
"""Seconds that the server has to close the connections of an engine."""

READ_ONLY_TRANSACTION = "25006"
READ_ONLY = ("in_hot_standby", "default_transaction_read_only")
"""On if the server is a standby, or accepts no writes, for example while its disk is full."""

logger = logging.getLogger(__name__)


class ConnectError(ConnectionError):
    """The database cannot be connected to; the message says why, in one line."""


def reason_of(error: BaseException) -> str:
    """What the server or the driver said, in one line, without SQLAlchemy's additions."""
    while isinstance(error, DBAPIError | EmulatedDBAPIException) and error.orig is not None:
        error = error.orig
    return " ".join(str(error).split()) or type(error).__name__


def report_failed_connects(engine: AsyncEngine) -> None:
    """Let `engine` raise ConnectError, whatever the driver raises if it cannot connect."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(
        dialect: Dialect, _: object, args: tuple[Any, ...], options: dict[str, Any]
    ) -> DBAPIConnection:
        try:
            return dialect.connect(*args, **options)
        except (OSError, dialect.loaded_dbapi.Error) as error:
            raise ConnectError(f"cannot connect to the database: {reason_of(error)}") from error


def notice_lost_hosts(engine: AsyncEngine) -> None:
    """Let a connection end if the host of its server disappears without closing it, as in some
    failovers."""

    @event.listens_for(engine.sync_engine, "connect")
    def set_options(connection: DBAPIConnection, _: object) -> None:
        # asyncpg has no public access to the socket.
        transport = getattr(connection.driver_connection, "_transport", None)
        if transport is not None:
            end_with_the_host(transport.get_extra_info("socket"))


def end_with_the_host(connection: socket.socket) -> None:
    if connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in TCP_OPTIONS.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def replace_lost_connections(engine: AsyncEngine, *, behind_pooler: bool = False) -> None:
    """Let the pool of `engine` replace connections that were lost while they were idle, or that
    lead to a server that no longer accepts writes.

    A pooler does not tell whether it leads to such a server. Behind it, any refused write replaces
    the connection, even if only the transaction was read-only.
    """
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def note_time(_: object, entry: ConnectionPoolEntry) -> None:
        entry.info[IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def check(connection: Any, entry: ConnectionPoolEntry, _: object) -> None:
        driver_connection: Any = entry.driver_connection
        if driver_connection.is_closed():
            raise InvalidatePoolError("the server has closed the connection")
        now = time.monotonic()
        if now - entry.info.get(IDLE_SINCE, now) > MAX_IDLE:
            try:
                dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError("the connection does not work any more") from error

    @event.listens_for(engine.sync_engine, "handle_error")
    def leave(context: ExceptionContext) -> None:
        """Close a connection to a server that has become read-only: the next one may lead to the
        new primary."""
        if context.connection is None or _sqlstate(context) != READ_ONLY_TRANSACTION:
            return
        driver_connection: Any = context.connection.connection.driver_connection
        server = driver_connection.get_settings()
        if behind_pooler or any(getattr(server, name, "off") == "on" for name in READ_ONLY):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False


async def dispose(engine: AsyncEngine) -> None:
    """Close the connections of an engine, without waiting for a server that hangs: asyncpg would
    wait for it without end."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await engine.dispose()
    except TimeoutError:
        logger.warning("the database has not closed its connections within %s s", CLOSE_TIMEOUT)


def _sqlstate(context: ExceptionContext) -> str | None:
    return getattr(context.original_exception, "sqlstate", None)
