"""What the application sees instead of asyncpg's `PreparedStatement`."""

from collections.abc import Iterable
from typing import Any

import asyncpg

from dev.sandbox.backend import VirtualBackend
from dev.sandbox.cursor import Rows, VirtualCursorFactory
from dev.sandbox.statement_cache import PreparedKey
from dev.sandbox.statements import Statement


class VirtualPreparedStatement:
    """A statement that is prepared once for all virtual connections; its status is its own."""

    def __init__(
        self,
        backend: VirtualBackend,
        statement: Statement,
        key: PreparedKey,
        prepared: Any,
        name: str | None,
    ) -> None:
        self._backend = backend
        self._statement = statement
        self._key = key
        self._prepared = prepared
        self._name = name
        self._status: str | None = None

    def get_name(self) -> str:
        return self._name or str(self._prepared.get_name())

    def get_query(self) -> str:
        return self._statement.sql

    def get_statusmsg(self) -> str | None:
        return self._status

    def get_parameters(self) -> tuple[Any, ...]:
        parameters: tuple[Any, ...] = self._prepared.get_parameters()
        return parameters

    def get_attributes(self) -> tuple[Any, ...]:
        attributes: tuple[Any, ...] = self._prepared.get_attributes()
        return attributes

    async def fetch(self, *args: Any, timeout: float | None = None) -> Rows:
        rows: Rows = await self._run("fetch", args, {"timeout": timeout})
        return rows

    async def fetchval(self, *args: Any, **options: Any) -> Any:
        return await self._run("fetchval", args, options)

    async def fetchrow(self, *args: Any, **options: Any) -> asyncpg.Record | None:
        return await self._run("fetchrow", args, options)

    async def fetchmany(self, args: Iterable[Any], **options: Any) -> Rows:
        rows: Rows = await self._run("fetchmany", (args,), options)
        return rows

    async def executemany(self, args: Iterable[Any], **options: Any) -> None:
        await self._run("executemany", (args,), options)

    async def explain(self, *args: Any, analyze: bool = False) -> Any:
        return await self._run("explain", args, {"analyze": analyze})

    def cursor(
        self, *args: Any, prefetch: int | None = None, timeout: float | None = None
    ) -> VirtualCursorFactory:
        async def open_real(_: asyncpg.Connection, more: dict[str, Any]) -> Any:
            prepared = await self._backend.physical.prepare(self._key)
            return prepared.cursor(*args, timeout=timeout, **more)

        return VirtualCursorFactory(self._backend, self._statement, args, open_real, prefetch)

    async def _run(self, method: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        statement = self._backend.virtual(self._statement)
        key = self._key._replace(sql=statement.sql)

        async def operation(_: asyncpg.Connection) -> Any:
            # Looked up again, because a change of the schema invalidates prepared statements.
            prepared = await self._backend.physical.prepare(key)
            result = await getattr(prepared, method)(*args, **options)
            self._status = prepared.get_statusmsg()
            return result

        return await self._backend.run(statement, operation, args)
