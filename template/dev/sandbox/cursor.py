"""What the application sees instead of asyncpg's `Cursor`."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import replace
from typing import Any

import asyncpg

from dev.sandbox.backend import VirtualBackend
from dev.sandbox.state import OPEN_CURSOR, TransactionState
from dev.sandbox.statements import Statement
from dev.sandbox.timeouts import stall_tolerant_timeout

Rows = list[asyncpg.Record]

ROWS_AT_ONCE = 1000
SECONDS_AT_ONCE = 0.25
"""A reader reads its rows at once if there are no more than that, and if it takes no longer."""

PREFETCH = 50
"""How many rows asyncpg fetches with one message when a cursor is iterated over."""

FETCH_FROM_NONE = 'FETCH FROM "that ended with its transaction or savepoint"'
"""Fails as any use of a cursor that is gone, and so does its transaction."""

OpenReal = Callable[[asyncpg.Connection, dict[str, Any]], Awaitable[Any]]
"""Makes asyncpg's own factory of a cursor, with these options."""

OpenCursor = Callable[[asyncpg.Connection], Awaitable[Any]]
"""Opens asyncpg's own cursor."""


class VirtualCursorFactory:
    """What `cursor()` returns: awaited, it is a cursor; iterated over, it is the rows."""

    def __init__(
        self,
        backend: VirtualBackend,
        statement: Statement,
        arguments: tuple[Any, ...],
        open_real: OpenReal,
        prefetch: int | None,
    ) -> None:
        self._backend = backend
        self._statement = statement
        self._arguments = arguments
        self._open_real = open_real
        self._prefetch = prefetch

    def __await__(self) -> Generator[Any, None, "VirtualCursor"]:
        if self._prefetch is not None:
            raise asyncpg.InterfaceError(
                "prefetch argument can only be specified for iterable cursor"
            )
        return self._open(self._open_cursor).__await__()

    async def __aiter__(self) -> AsyncIterator[asyncpg.Record]:
        cursor = await self._open(self._open_iterator)
        while not cursor.exhausted:
            rows = await cursor.fetch(self._prefetch or PREFETCH)
            if cursor.exhausted:
                cursor.close()
            for row in rows:
                yield row

    async def _open(self, open_real: OpenCursor) -> "VirtualCursor":
        transaction = self._backend.transaction
        if transaction is None:
            raise asyncpg.NoActiveSQLTransactionError(
                "cursor cannot be created outside of a transaction"
            )
        if self._statement.reads and not transaction.writing:
            rows = await self._run(self._statement, self._read_at_once)
            if rows is not None:
                return VirtualCursor(self._backend, transaction, self._open_cursor, rows)
        statement = replace(self._statement, reads=False, holds=OPEN_CURSOR)
        real = await self._run(statement, open_real)
        self._backend.opened_cursor = True
        return VirtualCursor(self._backend, transaction, self._open_cursor, [], real, statement)

    async def _run(
        self, statement: Statement, operation: Callable[[asyncpg.Connection], Awaitable[Any]]
    ) -> Any:
        return await self._backend.run(statement, operation, self._arguments)

    async def _read_at_once(self, connection: asyncpg.Connection) -> Rows | None:
        """All rows, or None if they are many, or come slowly, or not at all."""
        rows: Rows = []
        try:
            async with stall_tolerant_timeout(SECONDS_AT_ONCE):
                async for row in await self._open_real(connection, {"prefetch": ROWS_AT_ONCE + 1}):
                    rows.append(row)
                    if len(rows) > ROWS_AT_ONCE:
                        break
                else:
                    return rows
        except (TimeoutError, asyncpg.PostgresError):
            pass  # opened again, it raises that when the application is there
        self._backend.physical.roll_back_later()
        return None

    async def _open_cursor(self, connection: asyncpg.Connection) -> Any:
        return await (await self._open_real(connection, {}))

    async def _open_iterator(self, connection: asyncpg.Connection) -> "RealIterator":
        prefetch = self._prefetch or PREFETCH
        return RealIterator(await self._open_real(connection, {"prefetch": prefetch}))


class RealIterator:
    """An iteration over a real cursor, which closes it at the end."""

    def __init__(self, factory: Any) -> None:
        self._rows = aiter(factory)

    async def fetch(self, n: int, *, timeout: float | None = None) -> Rows:
        rows: Rows = []
        while len(rows) < n and (row := await anext(self._rows, None)) is not None:
            rows.append(row)
        return rows


class VirtualCursor:
    """A cursor whose rows have been read, so that others can use the connection while the
    application works on them; or, if that is not possible, a real one, whose transaction has the
    connection to itself. As with every cursor of PostgreSQL, the rows are those of the moment when
    it was opened, and the cursor ends with its transaction or savepoint."""

    def __init__(
        self,
        backend: VirtualBackend,
        transaction: TransactionState,
        open_cursor: OpenCursor,
        rows: Rows,
        real: Any = None,
        statement: Statement | None = None,
    ) -> None:
        self.exhausted = False
        """It has no more rows. asyncpg then asks PostgreSQL for none."""

        self._backend = backend
        self._transaction = transaction
        self._open_cursor = open_cursor
        self._rows = deque(rows)
        self._real = real
        self._statement = statement
        transaction.cursors.add(self)

    async def fetch(self, n: int, *, timeout: float | None = None) -> Rows:
        self._backend.check_open()
        if self._backend.transaction is None:
            raise asyncpg.NoActiveSQLTransactionError(
                "cursor cannot be created outside of a transaction"
            )
        if n <= 0:
            raise asyncpg.InterfaceError("n must be greater than zero")
        if self.exhausted:
            return []
        rows = await self._fetch(self._backend.transaction, n, timeout)
        self.exhausted = len(rows) < n
        return rows

    async def _fetch(self, transaction: TransactionState, n: int, timeout: float | None) -> Rows:
        if self not in transaction.cursors:
            if transaction.failed:
                raise asyncpg.InvalidCursorNameError("the cursor has ended")
            await self._backend.execute(FETCH_FROM_NONE)
        transaction.check_not_failed()
        if self._statement is not None:
            rows: Rows = await self._backend.run(
                self._statement, lambda _: self._real.fetch(n, timeout=timeout)
            )
            return rows
        return [self._rows.popleft() for _ in range(min(n, len(self._rows)))]

    async def fetchrow(self, *, timeout: float | None = None) -> asyncpg.Record | None:
        rows = await self.fetch(1, timeout=timeout)
        return rows[0] if rows else None

    async def forward(self, n: int, *, timeout: float | None = None) -> int:
        return len(await self.fetch(n, timeout=timeout))

    async def open_for_real(self, connection: asyncpg.Connection) -> None:
        """Let PostgreSQL know that the tables which the cursor reads are in use."""
        if self._real is None:
            await self._open_cursor(connection)

    def close(self) -> None:
        """Let PostgreSQL's tables go, as asyncpg does at the end of an iteration."""
        self._transaction.cursors.discard(self)
