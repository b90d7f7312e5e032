"""Who may use the physical connection, and when.

A transaction has its turn for one statement if it reads, and until it commits or rolls back once it
has written. The others wait in line.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar
from weakref import WeakSet

import asyncpg

from dev.sandbox.codecs import Codecs
from dev.sandbox.errors import (
    COMMITTED,
    ConflictError,
    DatabaseClosedError,
    EndedTestError,
    RefusedError,
    SandboxError,
    WrongLoopError,
)
from dev.sandbox.notifications import Notifications
from dev.sandbox.physical import PhysicalConnection
from dev.sandbox.sessions import ServerSession
from dev.sandbox.state import Lease, TransactionState
from dev.sandbox.statements import Statement
from dev.sandbox.tasks import (
    APPLICATION,
    AnyTask,
    describe,
    goes_on_in,
    origin,
    owning_task,
    waiters,
)
from dev.sandbox.timeouts import Countdown, expire, stall_tolerant_timeout
from dev.sandbox.waits import Waits

T = TypeVar("T")

NEVER_WAITS = "and it would not wait for the locks of others (NOWAIT, SKIP LOCKED, lock_timeout)"
LOCKED_BY_OTHERS = (
    "another connection holds advisory locks. All connections of the sandbox are one to "
    f"PostgreSQL, which would grant a lock twice; {COMMITTED}."
)
OVERTAKEN = (
    "which has committed while this statement waited: with its own connection it would have "
    "seen what was there before"
)

SNAPSHOT_IS_GONE = (
    "another transaction has committed since this one, which is REPEATABLE READ or SERIALIZABLE, "
    f"read for the first time, and the one connection shows what is committed now; {COMMITTED}."
)

TABLES_ARE_READ = (
    "another connection has read in a transaction that goes on, and PostgreSQL lets a change or a "
    f"lock of a table wait for all that have read it. Commit there first, or {COMMITTED}."
)


FAILURES = (asyncpg.PostgresError, SandboxError, OSError, asyncio.CancelledError)
"""After these, PostgreSQL rejects everything until a rollback. Others it may not have noticed: a
decoder of the application can fail, and asyncpg's own do if a cursor has other columns than it was
told (`asyncpg.ProtocolError`)."""


class Turns:
    """Lets virtual transactions use the physical connection one after another.

    `writer_timeout` is how many seconds a transaction waits for a writer that sends nothing.
    """

    def __init__(self, physical: PhysicalConnection, writer_timeout: float) -> None:
        self.writer_timeout = writer_timeout
        self.notifications = Notifications(physical)
        self._physical = physical
        self._lease: Lease | None = None
        self._is_lent = asyncio.Event()
        self._banned: WeakSet[AnyTask] = WeakSet()
        self._turn = asyncio.Lock()
        self._writer: TransactionState | None = None  # whose turn it is; a reader's is soon over
        self._sending: TransactionState | None = None
        self._committed: TransactionState | None = None  # the last one that has written
        self._open: WeakSet[TransactionState] = WeakSet()
        self._progress = 0  # how often something was sent, or has arrived
        self._commits = 0  # how many transactions that wrote have committed
        self._waits = Waits(self._progress_if_idle)

    # Leases

    def lend(self, lease: Lease) -> None:
        """Let one test use the connection from now on."""
        self._lease = lease
        self._is_lent.set()

    async def end_lease(self) -> list[str]:
        """Let nobody use the connection any more. Returns what was refused meanwhile."""
        lease, self._lease = self._lease, None
        self._is_lent.clear()
        await self._let_application_finish()
        self._committed = None
        if self._sending is not None:
            who = describe(self._sending.task)
            self._physical.lose(RuntimeError(f"{who} cannot be cancelled and still uses it"))
        return [] if lease is None else lease.refusals

    async def _let_application_finish(self) -> None:
        """Wait until a task of the application's lifespan, which nobody cancels, gives its turn
        back; its next one is in the next test."""
        if self._writer is not None and self._writer.application and not self._take_from_reader():
            with suppress(TimeoutError):
                async with stall_tolerant_timeout(self.writer_timeout):
                    await self._wait_for_turn()
                self._turn.release()

    def end_writer(self) -> list[str]:
        """Roll back the transaction whose turn it still is, even if its connection is lost, and
        return what to say about it."""
        writer, self._writer, self._sending = self._writer, None, None
        if self._turn.locked():
            self._waits.turn_ended(writing=writer is not None and writer.writing)
            self._turn.release()
        if writer is None or not writer.writing:
            return []
        self._physical.roll_back_later()
        return [writer.describe_as_left_open()]

    def ban(self, tasks: Iterable[AnyTask]) -> None:
        """Never let these tasks use the connection again."""
        self._banned.update(tasks)

    # Transactions

    def begin(self, isolation: str | None = None, readonly: bool = False) -> TransactionState:
        """Begin a virtual transaction. Sends nothing."""
        application = origin.get() is APPLICATION
        transaction = TransactionState(self._lease, application, isolation, readonly)
        self._open.add(transaction)
        return transaction

    async def run(
        self,
        transaction: TransactionState,
        session: ServerSession,
        statement: Statement,
        codecs: Codecs,
        operation: Callable[[asyncpg.Connection], Awaitable[T]],
    ) -> T:
        """Run an operation of a transaction when it is its turn."""
        transaction.task, transaction.sql = owning_task(), statement.sql
        if self._writer is not transaction:
            if not statement.rolls_back_to_savepoint:
                transaction.check_not_failed()
            try:
                await self._take_turn(transaction, statement)
            except asyncio.CancelledError:
                transaction.failed = True  # as if PostgreSQL had begun with the statement
                raise
        try:
            result = await self._send(transaction, session, statement, codecs, operation)
        except asyncpg.InterfaceError:
            raise  # asyncpg itself refused it: nothing was sent
        except BaseException as error:
            transaction.failed = True
            if not isinstance(error, FAILURES):
                with self._being_sent(transaction):
                    transaction.failed = await self._physical.has_failed()
            if not transaction.writing:
                self._undo_failed_read()
            raise
        else:
            transaction.failed = False
            if statement.replay is not None:
                transaction.replays.append(statement.replay)
            transaction.note_savepoint(statement)
            return result
        finally:
            if not transaction.writing and (transaction.failed or not transaction.needs_snapshot):
                self._end_turn(transaction)

    async def _send(
        self,
        transaction: TransactionState,
        session: ServerSession,
        statement: Statement,
        codecs: Codecs,
        operation: Callable[[asyncpg.Connection], Awaitable[T]],
    ) -> T:
        """Run an operation of the transaction whose turn it is, if it is allowed."""
        self._check_allowed(transaction)
        self._check_snapshot(transaction, statement)
        if not transaction.failed:
            await self._check_session(transaction, session, statement)
        only_reads = statement.reads or statement.replay is not None
        if not transaction.writing and not only_reads:
            transaction.writing, transaction.lease = True, self._lease
        if transaction.writing:
            transaction.note_what_it_holds(statement)
        # Each time, because a rollback to a savepoint undoes it.
        matters = statement.names_readonly or not (only_reads or statement.only_notifies)
        make_readonly = transaction.readonly and matters and not transaction.failed
        with self._being_sent(transaction):
            return await self._physical.run(
                session,
                statement,
                codecs,
                operation,
                owner=transaction,
                replays=transaction.replays,
                make_readonly=make_readonly,
            )

    async def commit(self, transaction: TransactionState) -> None:
        """Commit; an IntegrityError if a deferred constraint is violated, as on a real server."""
        self._open.discard(transaction)
        if not transaction.writing:
            self._end_turn(transaction)
            return
        self._check_allowed(transaction)
        if not transaction.can_commit:
            self.rollback(transaction)
            return
        try:
            with self._being_sent(transaction):
                await self._physical.commit(transaction.local_settings)
                await self.notifications.deliver()
        except BaseException:
            self._undo_failed_commit()
            raise
        else:
            self._commits += 1
            self._committed = transaction
            self._waits.committed(transaction)
        finally:
            self._end_turn(transaction)

    def rollback(self, transaction: TransactionState) -> None:
        """Roll back. Sends nothing, so nothing can interrupt it: the rollback goes out before the
        next statement, whoever sends that."""
        self._open.discard(transaction)
        if self._writer is transaction:
            if transaction.writing:
                self._physical.roll_back_later()
            self._end_turn(transaction)

    def abandon(self, transaction: TransactionState) -> None:
        """Let nobody wait for a transaction that only reads and whose connection is garbage.

        Can be called by any thread, as garbage collection is.
        """
        if self._writer is transaction and not transaction.writing:
            with suppress(RuntimeError):  # The loop is closed.
                self._physical.loop.call_soon_threadsafe(self._end_turn, transaction)

    def refuse(self, statement: Statement, cause: Exception | None = None) -> None:
        """Raise if the statement must not run here. The test fails even if that is swallowed."""
        if statement.refusal is None:
            return
        error = RefusedError(describe(owning_task()), statement.sql, statement.refusal)
        self.report(error)
        raise error from cause

    def report(self, error: SandboxError) -> None:
        """Let the test fail by this error, even if the program swallows it."""
        if self._lease is not None:
            self._lease.refusals.append(str(error))

    def _undo_failed_read(self) -> None:
        """PostgreSQL rejects everything after a failed statement, and here that would hit others,
        who have nothing uncommitted for now."""
        self._physical.roll_back_later()

    def _undo_failed_commit(self) -> None:
        self._physical.roll_back_later()

    @contextmanager
    def _being_sent(self, transaction: TransactionState) -> Iterator[None]:
        self._sending = transaction
        self._progress += 1
        try:
            yield
        finally:
            if self._sending is transaction:  # else the test has ended without it
                self._sending = None
            self._progress += 1

    # Turns

    async def _take_turn(self, transaction: TransactionState, statement: Statement) -> None:
        self._check_allowed(transaction)
        await self._acquire_turn(transaction, statement)
        while self._lease is None and transaction.application:
            self._end_turn(transaction)
            await self._is_lent.wait()
            await self._acquire_turn(transaction, statement)

    async def _acquire_turn(self, transaction: TransactionState, statement: Statement) -> None:
        if self._writer_waits_for_us() and not self._take_from_reader():
            raise self._conflict(transaction, "and that task is waiting for this one")
        if self._turn.locked() or self._waits.anybody:
            await self._wait_in_line(transaction, statement)
        else:
            await self._wait_for_turn()
        self._writer = transaction

    async def _wait_in_line(self, transaction: TransactionState, statement: Statement) -> None:
        never_waits = transaction.never_waits_for(statement)
        if never_waits and self._writer is not None and self._writer.writing:
            raise self._conflict(transaction, NEVER_WAITS)
        commits = self._commits
        wait = self._waits.begin()
        try:
            await self._wait_patiently(transaction)
        finally:
            self._waits.end(wait)
        if never_waits and self._commits != commits:
            self._turn.release()
            raise self._conflict(transaction, NEVER_WAITS)
        # A later snapshot than the one that PostgreSQL would have taken before it waited.
        begins_snapshot = transaction.needs_snapshot and transaction.snapshot is None
        finds_later_rows = wait.rows_were_added and transaction.must_not_find_later_rows(statement)
        differs = statement.reads or begins_snapshot or finds_later_rows or wait.schema_was_changed
        if wait.writer is not None and differs:
            self._turn.release()
            raise self._conflict(transaction, OVERTAKEN, wait.writer)

    async def _wait_patiently(self, transaction: TransactionState) -> None:
        """Wait as long as the writer sends something, without losing the place in line."""

        def look(before: int) -> None:
            if self._writer_is_idle_since(before) and not self._take_from_reader():
                expire(patience)
            else:
                look_later()

        def look_later() -> None:
            countdowns.append(Countdown(self.writer_timeout, partial(look, self._progress)))

        countdowns: deque[Countdown] = deque(maxlen=1)
        look_later()
        try:
            async with asyncio.timeout(None) as patience:
                await self._wait_for_turn()
        except TimeoutError:
            why = f"and it has sent nothing for {self.writer_timeout:g} seconds"
            raise self._conflict(transaction, why) from None
        finally:
            countdowns[0].cancel()

    async def _wait_for_turn(self) -> None:
        await self._turn.acquire()

    def _end_turn(self, transaction: TransactionState) -> None:
        if self._writer is transaction:
            self._writer = None
            self._waits.turn_ended(writing=transaction.writing)
            self._turn.release()

    def _progress_if_idle(self) -> int | None:
        return None if self._sending or self._writer is None else self._progress

    def _take_from_reader(self) -> bool:
        """End the turn of a transaction that holds on to it only because it needs its snapshot. If
        the next one commits, there is nothing for it to read any more (`_check_snapshot`)."""
        reader = self._writer
        if reader is None or reader.writing or self._sending:
            return False
        self._end_turn(reader)
        return True

    def _writer_waits_for_us(self) -> bool:
        """Whether waiting for the writer would be waiting for ourselves."""
        return self._writer is not None and goes_on_in(self._writer.task) in set(waiters())

    def _writer_is_idle_since(self, progress: int) -> bool:
        return self._progress == progress and self._sending is None

    def _conflict(
        self, transaction: TransactionState, why: str, holder: str | None = None
    ) -> ConflictError:
        if holder is None:
            writer = self._writer or self._committed
            holder = writer.describe_as_holder() if writer else "another task"
        error = ConflictError(describe(owning_task()), transaction.sql, holder, why)
        self.report(error)
        return error

    # Checks

    def _check_snapshot(self, transaction: TransactionState, statement: Statement) -> None:
        """Others may have committed beside a REPEATABLE READ transaction, which must not see it."""
        transaction.queried |= statement.queries
        if not statement.queries or not transaction.needs_snapshot:
            return
        if transaction.snapshot is None:
            transaction.snapshot = self._commits
        elif not transaction.writing and transaction.snapshot != self._commits:
            self.refuse(replace(statement, refusal=SNAPSHOT_IS_GONE))

    async def _check_session(
        self, transaction: TransactionState, session: ServerSession, statement: Statement
    ) -> None:
        """All connections share one session, so others must not see what belongs to one."""
        physical = self._physical
        if statement.locks and not await physical.may_lock(session, statement, transaction):
            self.refuse(replace(statement, refusal=LOCKED_BY_OTHERS))
        if (
            statement.locks_out_readers
            and self._others_have_read(transaction)
            and await physical.has_tables(statement.locks_out_readers, transaction)
        ):
            self.refuse(replace(statement, refusal=TABLES_ARE_READ))
        refusal = await physical.refusal(session, statement, transaction)
        if refusal is not None:
            self.refuse(replace(statement, refusal=refusal))

    def _others_have_read(self, transaction: TransactionState) -> bool:
        return any(other.queried for other in self._open if other is not transaction)

    def _check_allowed(self, transaction: TransactionState) -> None:
        self._check_loop(transaction)
        self._check_lease(transaction)

    def _check_loop(self, transaction: TransactionState) -> None:
        if asyncio.get_running_loop() is not self._physical.loop:
            error = WrongLoopError(describe(owning_task()), transaction.sql)
            self.report(error)
            raise error

    def _check_lease(self, transaction: TransactionState) -> None:
        task = owning_task()
        if task in self._banned or not self._belongs_to_test(transaction):
            who = origin.get()
            if isinstance(who, Lease) and who is not self._lease:
                raise EndedTestError(describe(task), who.test)
            raise DatabaseClosedError(describe(task), transaction.sql)

    def _belongs_to_test(self, transaction: TransactionState) -> bool:
        """Whether both the transaction and the code that uses it are the running test's, or the
        application's, which is part of every test."""
        if origin.get() is APPLICATION and transaction.application:
            return transaction.may_outlive_test or transaction is self._writer
        if self._lease is None or origin.get() not in (None, APPLICATION, self._lease):
            return False
        return transaction.lease is self._lease or transaction.may_outlive_test
