"""Prepared statements, each prepared once for all virtual connections."""

from typing import Any, NamedTuple

import asyncpg

MAX_STATEMENTS = 500


class PreparedKey(NamedTuple):
    """What a prepared statement depends on."""

    sql: str
    record_class: type[asyncpg.Record] | None


class StatementCache:
    """What is prepared on the physical connection; of too many, the oldest is forgotten."""

    def __init__(self) -> None:
        self._prepared: dict[PreparedKey, Any] = {}

    def get(self, key: PreparedKey) -> Any | None:
        """asyncpg's prepared statement, or None if it is not prepared yet."""
        return self._prepared.get(key)

    async def prepare(
        self, key: PreparedKey, connection: asyncpg.Connection, **options: Any
    ) -> Any:
        """asyncpg's prepared statement; the options are those of its `prepare`."""
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) >= MAX_STATEMENTS:
                del self._prepared[next(iter(self._prepared))]
            prepared = await connection.prepare(key.sql, record_class=key.record_class, **options)
            self._prepared[key] = prepared
        return prepared

    def clear(self) -> None:
        self._prepared.clear()
