"""The connections that pools of engines keep, each of which leads to the database of one test."""

from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from dev.databases import Database


class PooledConnections:
    """Lets the pool of an engine that is made once for all tests reconnect in a test on another
    database, or after one that has changed its sessions. The database of the sandbox is None."""

    def __init__(self) -> None:
        self.database: Database | None = None
        """The one that is used now."""

        self._databases: WeakKeyDictionary[Any, Database | None] = WeakKeyDictionary()
        self._idle: WeakSet[Any] = WeakSet()
        self._terminated: WeakSet[Any] = WeakSet()
        event.listen(Pool, "checkout", self._on_checkout)
        event.listen(Pool, "checkin", self._on_checkin)

    def close(self) -> None:
        event.remove(Pool, "checkout", self._on_checkout)
        event.remove(Pool, "checkin", self._on_checkin)

    def add(self, connection: Any) -> None:
        """A connection to the database that is used now."""
        self._databases[connection] = self.database

    def terminate_idle(self) -> None:
        """Close the connections to the database that is used now which nobody holds."""
        for connection in self._idle:
            if self._databases[connection] is self.database:
                connection.terminate()
                self._terminated.add(connection)

    def _on_checkout(self, _: object, entry: ConnectionPoolEntry, __: object) -> None:
        connection = entry.driver_connection
        if connection not in self._databases:
            return
        if connection in self._terminated or self._databases[connection] is not self.database:
            raise DisconnectionError("it belongs to another test")
        self._idle.discard(connection)

    def _on_checkin(self, _: object, entry: ConnectionPoolEntry) -> None:
        connection = entry.driver_connection
        if connection in self._databases:
            self._idle.add(connection)
