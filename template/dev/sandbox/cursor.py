"""What the application sees instead of asyncpg's `Cursor`."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import asyncpg

from dev.sandbox.backend import VirtualBackend
from dev.sandbox.state import TransactionState

Rows = list[asyncpg.Record]


class VirtualCursorFactory:
    """What `cursor()` returns: awaited, it is a cursor; iterated over, it is the rows."""

    def __init__(
        self,
        backend: VirtualBackend,
        read: Callable[[], Awaitable[Rows]],
        prefetch: int | None,
    ) -> None:
        self._backend = backend
        self._read = read
        self._prefetch = prefetch

    def __await__(self) -> Generator[Any, None, "VirtualCursor"]:
        if self._prefetch is not None:
            raise asyncpg.InterfaceError(
                "prefetch argument can only be specified for iterable cursor"
            )
        return self._open().__await__()

    async def __aiter__(self) -> AsyncIterator[asyncpg.Record]:
        cursor = await self._open()
        while (row := await cursor.fetchrow()) is not None:
            yield row

    async def _open(self) -> "VirtualCursor":
        transaction = self._backend.transaction
        if transaction is None:
            raise asyncpg.NoActiveSQLTransactionError(
                "cursor cannot be created outside of a transaction"
            )
        return VirtualCursor(self._backend, transaction, await self._read())


class VirtualCursor:
    """A cursor that reads all its rows when it is opened, so that others can use the connection
    while the application works on them. As with every cursor of PostgreSQL, the rows are those of
    that moment, and the cursor ends with its transaction."""

    def __init__(self, backend: VirtualBackend, transaction: TransactionState, rows: Rows) -> None:
        self._backend = backend
        self._transaction = transaction
        self._rows = deque(rows)

    async def fetch(self, n: int, *, timeout: float | None = None) -> Rows:
        if n <= 0:
            raise asyncpg.InterfaceError("n must be greater than zero")
        if self._backend.transaction is not self._transaction:
            raise asyncpg.InvalidCursorNameError("the cursor ended with its transaction")
        return [self._rows.popleft() for _ in range(min(n, len(self._rows)))]

    async def fetchrow(self, *, timeout: float | None = None) -> asyncpg.Record | None:
        rows = await self.fetch(1)
        return rows[0] if rows else None

    async def forward(self, n: int, *, timeout: float | None = None) -> int:
        return len(await self.fetch(n))
