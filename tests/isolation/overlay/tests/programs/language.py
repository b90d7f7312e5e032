"""The language of the programs: what a session can do, one step after another."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Isolation = Literal["read_committed", "repeatable_read", "serializable"]


class Operation:
    """One thing that a session does; as text, what its author would have typed."""


@dataclass(frozen=True)
class Run(Operation):
    """Send SQL. What counts is its rows, their types, or only whether it succeeds."""

    sql: str
    arguments: tuple[object, ...] = ()
    counts: Literal["rows", "status", "types", "success"] = "rows"

    def __str__(self) -> str:
        return f"{self.sql} {list(self.arguments)}" if self.arguments else self.sql


def rows(sql: str, *arguments: object) -> Run:
    return Run(sql, arguments)


def status(sql: str, *arguments: object) -> Run:
    return Run(sql, arguments, "status")


@dataclass(frozen=True)
class Prepared(Operation):
    """Prepare a statement with the driver, and fetch its rows."""

    sql: str

    def __str__(self) -> str:
        return f"(prepared) {self.sql}"


# Transactions of the driver


@dataclass(frozen=True)
class Begin(Operation):
    """Begin a transaction; inside of one, nothing."""

    isolation: Isolation | None = None
    readonly: bool = False

    def __str__(self) -> str:
        isolation = f" {self.isolation.replace('_', ' ')}" if self.isolation else ""
        return f"begin{isolation}{' read only' if self.readonly else ''}"


@dataclass(frozen=True)
class Savepoint(Operation):
    """A nested transaction of the driver; outside of a transaction, nothing."""

    def __str__(self) -> str:
        return "savepoint"


@dataclass(frozen=True)
class Finish(Operation):
    """Commit or roll back the innermost savepoint or the transaction."""

    how: Literal["commit", "rollback"]

    def __str__(self) -> str:
        return self.how


# Cursors, streams, COPY


@dataclass(frozen=True)
class OpenCursor(Operation):
    sql: str

    def __str__(self) -> str:
        return f"open a cursor: {self.sql}"


@dataclass(frozen=True)
class FetchFromCursor(Operation):
    """Fetch the next row of the cursor that was opened last."""

    def __str__(self) -> str:
        return "fetch from the cursor"


@dataclass(frozen=True)
class Stream(Operation):
    """Iterate over rows, one message each, and stop after so many."""

    sql: str
    limit: int

    def __str__(self) -> str:
        return f"stream {self.limit} rows: {self.sql}"


@dataclass(frozen=True)
class CopyIn(Operation):
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return f"COPY programs.items FROM {list(self.numbers)}"


@dataclass(frozen=True)
class CopyOut(Operation):
    sql: str

    def __str__(self) -> str:
        return f"COPY ({self.sql}) TO"


@dataclass(frozen=True)
class CopyWhile(Operation):
    """COPY into a callback that uses a connection of its own."""

    sql: str
    other: str

    def __str__(self) -> str:
        return f"COPY ({self.sql}) TO a callback that sends {self.other}"


# Notifications


@dataclass(frozen=True)
class Listen(Operation):
    def __str__(self) -> str:
        return "add a listener to news"


@dataclass(frozen=True)
class Hear(Operation):
    """What the listener has heard since the last time."""

    def __str__(self) -> str:
        return "what was heard"


# Cancellation and the end of a connection


@dataclass(frozen=True)
class Cancel(Operation):
    """Cancel SQL that takes long."""

    sql: str

    def __str__(self) -> str:
        return f"cancel: {self.sql}"


@dataclass(frozen=True)
class Abandon(Operation):
    """In a transaction, cancel SQL after so many turns of the event loop, then close the
    connection and go on with another, as SQLAlchemy does."""

    sql: str
    turns: int

    def __str__(self) -> str:
        return f"cancel after {self.turns} turns of the loop, and close: {self.sql}"


@dataclass(frozen=True)
class Interrupt(Operation):
    """Cancel the step of this session that waits for a lock, if one does."""

    def __str__(self) -> str:
        return "cancel the step that waits"


@dataclass(frozen=True)
class Close(Operation):
    """Close the connection, and go on with another."""

    def __str__(self) -> str:
        return "close the connection"


@dataclass(frozen=True)
class Forget(Operation):
    """Lose the connection without closing it, and go on with another."""

    def __str__(self) -> str:
        return "lose the connection"


@dataclass(frozen=True)
class Step:
    session: int
    operation: Operation

    def __str__(self) -> str:
        return f"{self.session}: {self.operation}"


Program = tuple[Step, ...]


def program(*steps: tuple[int, Operation]) -> Program:
    return tuple(Step(session, operation) for session, operation in steps)


def sessions_of(steps: Iterable[Step]) -> list[int]:
    return sorted({step.session for step in steps})
