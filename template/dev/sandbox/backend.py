"""What a virtual connection has instead of a server process: a transaction, and type codecs."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import asyncpg

from dev.sandbox.codecs import Codec, CodecKey
from dev.sandbox.errors import COMMITTED, OutsideTransactionError
from dev.sandbox.observers import Observers
from dev.sandbox.physical import MAKE_READONLY, PhysicalConnection
from dev.sandbox.sessions import NO_ROLE, NOTE_ROLE, ROLE_AGAIN, ServerSession, refusal
from dev.sandbox.settings import UnclearSettingError
from dev.sandbox.state import TransactionState
from dev.sandbox.statement_cache import PreparedKey
from dev.sandbox.statements import Statement, TransactionMode
from dev.sandbox.tasks import calling_line
from dev.sandbox.turns import Turns

T = TypeVar("T")
Operation = Callable[[asyncpg.Connection], Awaitable[T]]

CURRENT_SETTING = "SELECT current_setting($1, true)"

DO_NOTHING = "SET LOCAL tests_sandbox.nothing TO ''"
"""Has the status of SET, and no effect."""

FAIL = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"
"""Fails in the transaction around the test, with PostgreSQL's own error."""

OUTSIDE_OF_TRANSACTIONS = (
    asyncpg.ActiveSQLTransactionError,
    asyncpg.InvalidTransactionTerminationError,
)
"""What PostgreSQL raises within a transaction for VACUUM, or for a procedure that commits."""

ENUM_NEEDS_COMMIT = (
    f"a value that ALTER TYPE has added can be used only after a real COMMIT; {COMMITTED}."
)

ISOLATION_IS_VIRTUAL = (
    "PostgreSQL does not know of the isolation level that the transaction has here, only SHOW "
    f"TRANSACTION ISOLATION LEVEL does. Send that, or {COMMITTED}."
)


CURSORS = "SELECT quote_ident(name) AS name FROM pg_cursors WHERE name <> ''"


class VirtualBackend:
    """The state of one virtual connection, shared with its transactions, statements and cursors."""

    def __init__(self, turns: Turns, physical: PhysicalConnection) -> None:
        self.physical = physical
        self.transaction: TransactionState | None = None
        self.listener = turns.notifications.listener()
        self.observers = Observers()
        self.real = physical.connection
        """The physical connection at that time."""
        self._turns = turns
        self.opened_cursor = False
        """A real cursor has been opened in the transaction."""
        self._session = ServerSession()
        self._codecs: dict[CodecKey, Codec] = {}
        self._closed = False
        self._busy = False
        self._used = False

    def __del__(self) -> None:
        """Nobody has the connection any more, so a server would have noticed that its client is
        gone. What it wrote is found at the end of the test."""
        if self.transaction is not None:
            self._turns.abandon(self.transaction)

    # Statements

    async def send(
        self, query: str, method: str, args: Iterable[Any], options: dict[str, Any]
    ) -> Any:
        """Classify a statement, and pass it to the method of asyncpg's connection."""
        statement = self.virtual(self.admit(query))
        arguments = tuple(args)
        return await self.run(
            statement,
            lambda real: getattr(real, method)(statement.sql, *arguments, **options),
            arguments,
        )

    async def execute(self, sql: str) -> None:
        """Send a statement of the sandbox's own, such as a savepoint."""
        await self.run(self.physical.classify(sql), lambda real: real.execute(sql))

    def admit(self, query: str) -> Statement:
        """Classify a statement; raises RefusedError if it must not run."""
        statement = self.physical.classify(query)
        if statement.changes_session:
            statement = replace(statement, refusal=statement.refusal or refusal(statement.sql))
        self._turns.refuse(statement)
        return statement

    async def run(
        self, statement: Statement, operation: Operation[T], arguments: tuple[Any, ...] = ()
    ) -> T:
        """Run one operation, in the open transaction, or in its own if none is open."""
        self.check_open()
        if self._busy:
            raise asyncpg.InterfaceError(
                "cannot perform operation: another operation is in progress"
            )
        if self.transaction is None and statement.only_in_transaction:
            raise asyncpg.NoActiveSQLTransactionError(
                f"{statement.only_in_transaction} can only be used in transaction blocks"
            )
        self._busy = self._used = True
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
            if isinstance(error, OUTSIDE_OF_TRANSACTIONS):
                refusal = OutsideTransactionError(statement.sql)
                self._turns.report(refusal)
                raise refusal from error
            raise
        await self._commit(transaction)
        return result

    async def _run_in(
        self,
        transaction: TransactionState,
        statement: Statement,
        operation: Operation[T],
        arguments: tuple[Any, ...],
    ) -> T:
        if statement.settings:
            statement = await self._remember_settings(transaction, statement, arguments)
        notifications = self._turns.notifications
        refusal = notifications.refusal(statement, has_notified=transaction.may_have_notified)
        transaction.may_have_notified |= statement.may_notify
        if refusal is not None:
            self._turns.refuse(replace(statement, refusal=refusal))
        operation = self.observers.accompany(operation)
        operation = notifications.accompany(self.listener, statement, operation)
        if statement.changes_session:
            self._session.note_change(statement.sql, arguments)
            transaction.set_for_session(statement.session_settings(arguments))
        self.opened_cursor |= statement.declares
        if statement.closes_all:
            transaction.cursors.clear()
        if statement.needs_tables_for_itself and transaction.cursors:
            operation = self._after_cursors(transaction, operation)
        try:
            return await self._turns.run(
                transaction, self._session, statement, self._codecs, operation
            )
        except asyncpg.UnsafeNewEnumValueUsageError as error:
            self._turns.refuse(replace(statement, refusal=ENUM_NEEDS_COMMIT), error)
            raise

    def _after_cursors(
        self, transaction: TransactionState, operation: Operation[T]
    ) -> Operation[T]:
        """The operation, after the cursors have been opened whose rows were only read."""

        async def after_cursors(real: asyncpg.Connection) -> T:
            self.opened_cursor = True
            await real.execute(f"{NOTE_ROLE}; {NO_ROLE}")  # it may be another one than before
            for cursor in transaction.cursors:
                await cursor.open_for_real(real)
            await real.execute(ROLE_AGAIN)
            return await operation(real)

        return after_cursors

    async def _remember_settings(
        self, transaction: TransactionState, statement: Statement, arguments: tuple[Any, ...]
    ) -> Statement:
        """Remember which parameters a statement sets for the transaction, and their values."""
        try:
            names = statement.local_settings(arguments)
        except UnclearSettingError as error:
            self._turns.refuse(replace(statement, refusal=f"{error}, or {COMMITTED}."))
            raise
        for name in names:
            if name not in transaction.local_settings:
                transaction.local_settings[name] = await self._value(transaction, name)
        return statement.with_replay(arguments)

    async def _value(self, transaction: TransactionState, name: str) -> str | None:
        if not self.physical.session_settings:
            return None  # the one that the connection began with
        read = Statement(CURRENT_SETTING, reads=True, queries=False)
        value: str | None = await self._turns.run(
            transaction,
            self._session,
            read,
            self._codecs,
            lambda real: real.fetchval(read.sql, name),
        )
        return value

    # Statements about the transaction itself

    def virtual(self, statement: Statement) -> Statement:
        """What to send instead of a statement that sets or shows the mode of the transaction, which
        PostgreSQL knows nothing of."""
        if statement.mode is not None:
            return self._set_mode(statement, statement.mode)
        if statement.limits_idle_time:
            return self.physical.classify(DO_NOTHING)
        transaction = self.transaction
        if transaction is None:
            return statement
        if (
            transaction.isolation is not None
            and statement.names_isolation | statement.shows_isolation
        ):
            if not statement.shows_isolation:
                self._turns.refuse(replace(statement, refusal=ISOLATION_IS_VIRTUAL))
            level = transaction.isolation.replace("_", " ")
            sql = f"SELECT '{level}'::text AS transaction_isolation"
            return replace(statement, sql=sql)
        return statement

    def _set_mode(self, statement: Statement, mode: TransactionMode) -> Statement:
        transaction = self.transaction
        if transaction is None:  # PostgreSQL does nothing either, and warns
            return replace(statement, sql=DO_NOTHING, reads=True)
        isolation = mode.isolation or transaction.isolation
        changes = (isolation or "read_committed") != (transaction.isolation or "read_committed")
        too_late = changes or (mode.readonly is False and transaction.readonly)
        if too_late and (transaction.queried or transaction.savepoints):
            return replace(statement, sql=FAIL, reads=True)
        transaction.isolation = isolation
        if mode.readonly is not None:
            transaction.readonly = mode.readonly
        makes_readonly = transaction.writing and mode.readonly
        return replace(statement, sql=MAKE_READONLY if makes_readonly else DO_NOTHING, reads=True)

    # Prepared statements

    async def prepare(self, key: PreparedKey, timeout: float | None) -> Any:
        """asyncpg's prepared statement; sends nothing if any virtual connection has prepared it."""
        statement = self.physical.classify(key.sql)
        prepared = None if statement.fetches else self.physical.statements.get(key)
        if prepared is None:
            parse = Statement(
                key.sql, reads=True, queries=statement.queries, fetches=statement.fetches
            )
            prepared = await self.run(parse, lambda _: self.physical.prepare(key, timeout=timeout))
        return prepared

    # Transactions

    def begin(self, isolation: str | None, readonly: bool) -> None:
        """Begin a transaction. Sends nothing."""
        self.transaction = self._turns.begin(isolation, readonly)
        self.transaction.opened_at = calling_line()
        self.listener.in_transaction = True

    async def commit(self) -> None:
        await self._close_cursors()
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            self.listener.in_transaction = False
            await self._commit(transaction)
            self.listener.call_back()

    async def _commit(self, transaction: TransactionState) -> None:
        with self.observers.hearing_messages(self.physical.connection):
            await self._turns.commit(transaction)

    async def _close_cursors(self) -> None:
        """Close the real cursors, which PostgreSQL would keep until the end of the test."""
        opened, self.opened_cursor = self.opened_cursor, False
        if opened and self.transaction is not None and self.transaction.can_commit:
            found = await self.run(Statement(CURSORS), lambda real: real.fetch(CURSORS))
            for row in found:
                await self.execute(f"CLOSE {row['name']}")

    def rollback(self) -> None:
        """Roll back, if a transaction is open. Sends nothing."""
        self.opened_cursor = False  # the rollback closes it
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            self._turns.rollback(transaction)
            self.listener.in_transaction = False
            self.listener.call_back()

    # What it keeps beyond transactions

    def note_what_it_keeps(self) -> None:
        """It is given what it would keep for the next test. Every test needs what an engine sets up
        when it connects, which is before the first statement."""
        self.physical.session_changed |= self._used

    def set_codec(self, key: CodecKey, codec: Codec) -> None:
        """Takes effect with the next statement. Sends nothing."""
        self.note_what_it_keeps()
        self._codecs = self._codecs | {key: codec}

    def reset_codec(self, unwanted: CodecKey) -> None:
        self.note_what_it_keeps()
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
        self.observers.end(self.physical.loop)
        self.physical.end_session(self._session)
        self._turns.notifications.forget(self.listener)
