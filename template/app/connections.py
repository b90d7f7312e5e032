"""Replaces pooled connections that the server has closed, without asking it each time.

SQLAlchemy's `pool_pre_ping` takes three round trips whenever a connection leaves the pool, which is
more than most requests need for themselves. The driver knows without asking when the server has
closed a connection. It does not know of a connection that something in between has dropped
silently, as firewalls do after minutes without traffic, so one that was idle for long is asked.
"""

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

MAX_IDLE = 30.0
"""Seconds after which a connection is asked whether it still works before it is used."""

IDLE_SINCE = "idle_since"


def replace_lost_connections(engine: AsyncEngine) -> None:
    """Let the pool of `engine` connect anew where a connection was lost while nobody used it."""
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
