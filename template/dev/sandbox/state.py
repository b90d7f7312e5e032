"""What the sandbox remembers of the test that uses it, and of its transactions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import asyncpg

from dev.sandbox.errors import shorten
from dev.sandbox.findings import transaction_left_open
from dev.sandbox.statements import Statement
from dev.sandbox.tasks import AnyTask, Line, describe

UNCOMMITTED_WRITES = "uncommitted writes"
OPEN_CURSOR = "an open cursor"

_HOLDS = {
    r"(?s)\s*(lock\b|select\b.*\bfor\s+(no\s+key\s+update|update|(key\s+)?share)\b)": "locks",
    r"(?s)\s*select\b.*\bpg_(try_)?advisory_": "locks",
    r"\s*declare\b": OPEN_CURSOR,
    r"\s*(set|reset)\b": "parameters that it has set",
}


def what_it_holds(statement: Statement) -> str:
    """Why others have to wait for a transaction that has sent this statement."""
    if statement.holds is not None:
        return statement.holds
    for pattern, what in _HOLDS.items():
        if re.match(pattern, statement.sql, re.IGNORECASE):
            return what
    return UNCOMMITTED_WRITES


_ADDS_ROWS = re.compile(r"\b(insert|merge|copy|call|do)\b", re.IGNORECASE)
_SEARCHES = re.compile(r"^\W*(update|delete|merge|with)\b|\bselect\b", re.IGNORECASE)
_NEVER_WAITS = re.compile(r"\bnowait\b|\bskip\s+locked\b|\bpg_try_advisory_", re.IGNORECASE)


@dataclass(eq=False, slots=True)
class Lease:
    """The permission for one test to use the database, from its checkout to its checkin."""

    test: str

    refusals: list[str] = field(default_factory=list)
    """The statements that were refused, which the test is going to be blamed for."""


class Cursor(Protocol):
    """A cursor of the driver, whose rows may have been read at once."""

    async def open_for_real(self, connection: asyncpg.Connection) -> None: ...


class SavepointState(NamedTuple):
    """A savepoint, and how its transaction was then."""

    name: str
    readonly: bool
    """It is so again when the savepoint ends."""

    local_settings: dict[str, str | None]
    """They are so again when the savepoint is rolled back."""

    cursors: frozenset[Cursor]
    """Those that were opened later end when the savepoint is rolled back."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class TransactionState:
    """One virtual transaction; a statement outside a transaction is one by itself.

    It begins without a message. Until its first write it holds nothing, so any number of reading
    transactions can be open at once. From then on it is the *writer*, of which there is only one.
    """

    lease: Lease | None
    """The one under which it began; it can be used under no other."""

    application: bool = False
    """The application's lifespan began it. Until it writes, it may go on from test to test."""

    isolation: str | None = None
    readonly: bool = False

    writing: bool = False
    failed: bool = False
    """The last statement failed, so PostgreSQL rejects all others until a rollback."""

    holds: str = "the snapshot"
    """What it has done that makes others wait, if it is the writer."""

    adds_rows: bool = False
    """It has inserted rows, which a statement that began before must not find."""

    changes_schema: bool = False
    """It has created, altered or dropped something that is not its session's own."""

    sql: str = ""
    """The last statement."""

    queried: bool = False
    """It has read or written something, so it is too late for SET TRANSACTION."""

    snapshot: int | None = None
    """How many transactions had committed when it first read something."""

    local_settings: dict[str, str | None] = field(default_factory=dict)
    """The parameters that were set for this transaction only (SET LOCAL), with the values that they
    have outside of it; None stands for the value that the connection began with."""

    replays: list[str] = field(default_factory=list)
    """What brings its parameters and savepoints back after others have used the connection."""

    savepoints: list[SavepointState] = field(default_factory=list)

    cursors: set[Cursor] = field(default_factory=set)
    """The cursors of the driver that are open."""

    may_have_notified: bool = False

    opened_at: Line | None = None
    """The line of the project that began it."""

    task: AnyTask | None = None
    """The task that sent the last statement."""

    @property
    def needs_snapshot(self) -> bool:
        """Whether its reads must not see what others commit in between."""
        return self.isolation in {"repeatable_read", "serializable"}

    def never_waits_for(self, statement: Statement) -> bool:
        """Whether the statement, in this transaction, fails or goes on instead of waiting for the
        locks of others."""
        return "lock_timeout" in self.local_settings or bool(_NEVER_WAITS.search(statement.sql))

    def must_not_find_later_rows(self, statement: Statement) -> bool:
        """Whether the statement looks for rows. PostgreSQL finds those that were there when it
        began to wait."""
        return bool(_SEARCHES.search(statement.sql))

    @property
    def may_outlive_test(self) -> bool:
        """Whether it may go on in the next test."""
        return self.application and not self.writing

    @property
    def can_commit(self) -> bool:
        """Whether COMMIT keeps what it wrote: if it has failed, PostgreSQL rolls back instead, and
        reports no error."""
        return not self.failed

    def check_not_failed(self) -> None:
        """PostgreSQL would reject the statement, but it no longer knows of the failure."""
        if self.failed:
            raise asyncpg.InFailedSQLTransactionError(
                "current transaction is aborted, commands ignored until end of transaction block"
            )

    def note_what_it_holds(self, statement: Statement) -> None:
        """Remember why others have to wait for it; writes count more than all else."""
        if self.holds != UNCOMMITTED_WRITES and not statement.reads:
            self.holds = what_it_holds(statement)
        self.changes_schema |= statement.changes_schema and not statement.makes_objects
        self.adds_rows |= not statement.reads and bool(_ADDS_ROWS.search(statement.sql))

    def __str__(self) -> str:
        return f"{describe(self.task)}, whose last statement was {shorten(self.sql)}"

    def set_for_session(self, names: Iterable[str]) -> None:
        """These parameters have a new value beyond the transaction, whose own is forgotten."""
        for name in names:
            if name == "all":
                self.local_settings.clear()
            self.local_settings.pop(name, None)

    def note_savepoint(self, statement: Statement) -> None:
        """Remember a savepoint, or what the end of one undoes."""
        if statement.savepoint is None:
            return
        word, name = statement.savepoint
        if word == "savepoint":
            self.savepoints.append(
                SavepointState(
                    name, self.readonly, dict(self.local_settings), frozenset(self.cursors)
                )
            )
            return
        names = [savepoint.name for savepoint in self.savepoints]
        if name not in names:
            return
        index = len(names) - 1 - names[::-1].index(name)
        self.readonly = self.savepoints[index].readonly
        if word == "rollback":
            self.local_settings = dict(self.savepoints[index].local_settings)
            self.cursors &= self.savepoints[index].cursors
            index += 1  # it goes on
        del self.savepoints[index:]

    def describe_as_holder(self) -> str:
        return f"{self.holds} by {self}"

    def describe_as_left_open(self) -> str:
        holds = self.holds if self.writing else None
        return transaction_left_open(str(self), self.opened_at, holds)
