"""What a virtual connection has instead of a server process: a transaction, and type codecs."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import asyncpg

from dev.sandbox.codecs import Codec, CodecKey
from dev.sandbox.errors import OutsideTransactionError
from dev.sandbox.physical import PhysicalConnection
from dev.sandbox.state import TransactionState
from dev.sandbox.statement_cache import PreparedKey
from dev.sandbox.statements import Statement
from dev.sandbox.turns import Turns

T = TypeVar("T")
Operation = Callable[[asyncpg.Connection], Awaitable[T]]


class VirtualBackend:
    """The state of one virtual connection, shared with its transactions, statements and cursors."""

    def __init__(self, turns: Turns, physical: PhysicalConnection) -> None:
        self.physical = physical
        self.transaction: TransactionState | None = None
        self.listener = turns.notifications.listener()
        self._turns = turns
        self._codecs: dict[CodecKey, Codec] = {}
        self._closed = False
        self._busy = False

    # Statements

    async def send(
        self, query: str, method: str, args: Iterable[Any], options: dict[str, Any]
    ) -> Any:
        """Classify a statement, and pass it to the method of asyncpg's connection."""
        statement = self.admit(query)
        arguments = tuple(args)
        return await self.run(
            statement,
            lambda real: getattr(real, method)(statement.sql, *arguments, **options),
            arguments,
        )

    async def execute(self, sql: str) -> None:
        """Send a statement of the sandbox's own, such as a savepoint."""
        await self.run(Statement(sql), lambda real: real.execute(sql))

    def admit(self, query: str) -> Statement:
        """Classify a statement; raises RefusedError if it must not run."""
        statement = self.physical.classify(query)
        self._turns.refuse(statement)
        return statement

    async def run(
        self, statement: Statement, operation: Operation[T], arguments: tuple[Any, ...] = ()
    ) -> T:
        """Run one operation, in the open transaction or else in one of its own."""
        self.check_open()
        if self._busy:
            raise asyncpg.InterfaceError(
                "cannot perform operation: another operation is in progress"
            )
        self._busy = True
        try:
            if self.transaction is not None:
                return await self._run_in(self.transaction, statement, operation, arguments)
            return await self._run_alone(statement, operation, arguments)
        finally:
            self._busy = False

    async def _run_alone(
        self, statement: Statement, operation: Operation[T], arguments: tuple[Any, ...]
    ) -> T:
        transaction = self._turns.begin()
        try:
            result = await self._run_in(transaction, statement, operation, arguments)
        except BaseException as error:
            self._turns.rollback(transaction)
            if isinstance(error, asyncpg.ActiveSQLTransactionError):
                raise OutsideTransactionError(statement.sql) from error
            raise
        await self._turns.commit(transaction)
        return result

    async def _run_in(
        self,
        transaction: TransactionState,
        statement: Statement,
        operation: Operation[T],
        arguments: tuple[Any, ...],
    ) -> T:
        if statement.sets_locally:
            transaction.local_settings.update(statement.local_settings(arguments))
        notifications = self._turns.notifications
        if (refusal := notifications.refusal(statement)) is not None:
            self._turns.refuse(replace(statement, refusal=refusal))
        operation = notifications.accompany(self.listener, statement, operation)
        return await self._turns.run(transaction, statement, self._codecs, operation)

    # Prepared statements

    async def prepare(self, key: PreparedKey, timeout: float | None) -> Any:
        """asyncpg's prepared statement; sends nothing if any virtual connection has prepared it."""
        prepared = self.physical.statements.get(key)
        if prepared is None:
            parse = Statement(key.sql, reads=True)
            prepared = await self.run(parse, lambda _: self.physical.prepare(key, timeout=timeout))
        return prepared

    # Transactions

    def begin(self, isolation: str | None, readonly: bool) -> None:
        """Begin a transaction. Sends nothing."""
        self.transaction = self._turns.begin(isolation, readonly)
        self.listener.in_transaction = True

    async def commit(self) -> None:
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            self.listener.in_transaction = False
            await self._turns.commit(transaction)
            self.listener.call_back()

    def rollback(self) -> None:
        """Roll back, if a transaction is open. Sends nothing."""
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            self._turns.rollback(transaction)
            self.listener.in_transaction = False
            self.listener.call_back()

    # Codecs

    def set_codec(self, key: CodecKey, codec: Codec) -> None:
        """Takes effect with the next statement. Sends nothing."""
        self._codecs = self._codecs | {key: codec}

    def reset_codec(self, unwanted: CodecKey) -> None:
        self._codecs = {key: codec for key, codec in self._codecs.items() if key != unwanted}

    # The connection

    def is_closed(self) -> bool:
        return self._closed or self.physical.connection.is_closed()

    def check_open(self) -> None:
        if self.is_closed():
            raise asyncpg.InterfaceError("connection is closed")

    def terminate(self) -> None:
        """Roll back and close, as a server does when a client is gone. Sends nothing."""
        self.rollback()
        self._closed = True
        self._turns.notifications.forget(self.listener)
