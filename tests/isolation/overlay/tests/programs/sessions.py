"""A session, which performs operations on a connection, be it a real one or a virtual one."""

import asyncio
import gc
import io
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
from tests.programs.language import (
    Abandon,
    Begin,
    Cancel,
    Close,
    CopyIn,
    CopyOut,
    CopyWhile,
    FetchFromCursor,
    Finish,
    Forget,
    Hear,
    Listen,
    OpenCursor,
    Operation,
    Prepared,
    Run,
    Savepoint,
    Stream,
)

from dev.sandbox import SandboxError

Connect = Callable[[], Awaitable[Any]]
Disconnect = Callable[[Any], Awaitable[None]]

LONG_ENOUGH = 0.03
"""Seconds after which a statement that takes long is certainly under way."""


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    kind: Literal["result", "error", "refused", "cancelled", "waits", "hangs", "put off"]
    value: object = None

    def __str__(self) -> str:
        return self.kind if self.value is None else f"{self.kind} {self.value}"


class Session:
    """Performs operations one after another."""

    def __init__(self, connect: Connect, disconnect: Disconnect, forget: Disconnect) -> None:
        self._connect = connect
        self._disconnect = disconnect
        self._forget = forget
        self.connection: Any = None
        self._transactions: list[Any] = []
        self._cursor: Any = None
        self._heard: list[str] = []

    async def open(self) -> None:
        self.connection = await self._connect()
        self._transactions = []
        self._cursor = None
        self._heard = []

    async def close(self) -> None:
        await self._disconnect(self.connection)

    async def perform(self, operation: Operation) -> Outcome:
        """Perform an operation and say what became of it. Raises nothing."""
        try:
            return Outcome("result", await self._perform(operation))
        except SandboxError as error:
            return Outcome("refused", f"{type(error).__name__}: {error}")
        except asyncpg.NoActiveSQLTransactionError as error:
            # asyncpg has prepared the query of a cursor by then, for which PostgreSQL has begun a
            # transaction that goes on until the next message.
            await self.connection.fetchrow("")
            return Outcome("error", error.sqlstate)
        except asyncpg.InvalidCachedStatementError as error:
            return Outcome("error", type(error).__name__)
        except asyncpg.PostgresError as error:
            return Outcome("error", error.sqlstate)
        except asyncio.CancelledError:
            # The server is still being told; until then the statement can take effect.
            with suppress(asyncpg.PostgresError):
                await self.connection.fetchrow("")
            return Outcome("cancelled")
        except Exception as error:
            return Outcome("error", type(error).__name__)

    async def _perform(self, operation: Operation) -> object:
        match operation:
            case Run():
                return await self._run(operation)
            case Prepared(sql):
                statement = await self.connection.prepare(sql)
                return _plain(await statement.fetch())
            case Begin(isolation, readonly):
                if not self._transactions:
                    await self._start(isolation=isolation, readonly=readonly)
            case Savepoint():
                if self._transactions:
                    await self._start()
            case Finish(how):
                if self._transactions:
                    await getattr(self._transactions.pop(), how)()
            case OpenCursor(sql):
                self._cursor = None
                self._cursor = await self.connection.cursor(sql)
            case FetchFromCursor():
                return _plain(await self._cursor.fetch(1)) if self._cursor else None
            case Stream(sql, limit):
                return await self._stream(sql, limit)
            case CopyIn(numbers):
                records = [(number, 0) for number in numbers]
                return await self.connection.copy_records_to_table(
                    "items", schema_name="programs", records=records, columns=["id", "value"]
                )
            case CopyOut(sql):
                output = io.BytesIO()
                status = await self.connection.copy_from_query(sql, output=output)
                return status, output.getvalue()
            case CopyWhile(sql, other):
                return await self._copy_while(sql, other)
            case Listen():
                await self.connection.add_listener("news", self._hear)
            case Hear():
                for _ in range(2):  # a notification comes with the answer to something else
                    await self.connection.fetch("SELECT 1")
                heard, self._heard = self._heard, []
                return heard
            case Cancel(sql):
                return await self._cancel(sql)
            case Abandon(sql, turns):
                await self._abandon(sql, turns)
            case Close():
                await self._reconnect()
            case Forget():
                await self._forget(self.connection)
                await self.open()
                gc.collect()
            case _:
                raise AssertionError(f"{operation} is not for a session to perform")
        return None

    async def _run(self, run: Run) -> object:
        if run.counts == "status":
            return await self.connection.execute(run.sql, *run.arguments)
        found = _plain(await self.connection.fetch(run.sql, *run.arguments))
        match run.counts:
            case "types":
                return [tuple(type(value).__name__ for value in row) for row in found]
            case "success":
                return None
        return found

    async def _start(self, **options: Any) -> None:
        transaction = self.connection.transaction(**options)
        await transaction.start()
        self._transactions.append(transaction)

    async def _stream(self, sql: str, limit: int) -> object:
        found: list[Any] = []
        try:
            async for row in self.connection.cursor(sql, prefetch=1):
                found.append(tuple(row))
                if len(found) == limit:
                    break
        except asyncpg.PostgresError as error:
            if not found:
                raise
            return found, error.sqlstate
        return found

    async def _copy_while(self, sql: str, other: str) -> object:
        connection = await self._connect()
        found: list[Any] = []

        async def output(_: bytes) -> None:
            found.extend(_plain(await connection.fetch(other)))

        try:
            status = await self.connection.copy_from_query(sql, output=output)
        finally:
            await self._disconnect(connection)
        return status, bool(found)

    async def _cancel(self, sql: str) -> object:
        task = asyncio.create_task(self.connection.fetch(sql))
        await asyncio.wait({task}, timeout=LONG_ENOUGH)
        task.cancel()
        return _plain(await task)

    async def _abandon(self, sql: str, turns: int) -> None:
        if not self._transactions:
            await self._start()
        task = asyncio.create_task(self.connection.fetch(sql))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except SandboxError:
            raise
        except (asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pass  # which of them it is depends on how far it came
        finally:
            await self._reconnect()

    async def _reconnect(self) -> None:
        await self.close()
        await self.open()

    def _hear(self, _: object, __: int, ___: str, payload: object) -> None:
        self._heard.append(str(payload))


def _plain(found: list[Any]) -> list[Any]:
    return [tuple(row) for row in found]
