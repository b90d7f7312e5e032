"""What PostgreSQL keeps for one connection and shows to no other: temporary tables, statements that
PREPARE has named, and the last value of a sequence (`currval`).

All virtual connections share one session, so a statement that names an object of another connection
is refused. What temporary tables do ON COMMIT, they do at the virtual commit.
"""

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from dev.sandbox.errors import COMMITTED
from dev.sandbox.sessions import ServerSession
from dev.sandbox.sql import quoted_name
from dev.sandbox.statements import Statement
from dev.sandbox.temporary_tables import ON_COMMIT, TABLES, comment_on

T = TypeVar("T")

OBJECTS = """
    SELECT relname AS name, false AS prepared FROM pg_class
    WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v', 'S')
    UNION ALL SELECT name, true FROM pg_prepared_statements WHERE from_sql
"""

DISCARD_SEQUENCES = "DISCARD SEQUENCES"

_OTHERS_HAVE = (
    "another connection has a temporary table or a prepared statement of this name, which "
    f"PostgreSQL would not show to this one. Choose another name, or {COMMITTED}."
)
_OTHERS_WROTE = (
    "another connection has written, too, and all of them share the last value of a sequence. Let "
    f"INSERT return the value (RETURNING), or {COMMITTED}."
)

_WORD = re.compile(r"[\w$]+")


class SessionObjects:
    """Which virtual connection has made which object."""

    def __init__(self) -> None:
        self._owners: dict[str, ServerSession] = {}
        self._prepared: set[str] = set()
        self._maker: ServerSession | None = None  # may have made some since the last look
        self._writers: set[ServerSession] = set()
        self._on_commit = False  # some table has been created so

    def note(self, session: ServerSession, statement: Statement) -> None:
        """A session sends a statement."""
        if not statement.reads and statement.replay is None:
            self._writers.add(session)
        if statement.makes_objects:
            self._maker = session
        self._on_commit |= bool(statement.on_commit)

    def must_look(self, session: ServerSession) -> bool:
        """Whether another session may have made objects that are not known yet."""
        return self._maker not in (None, session)

    async def look(self, connection: asyncpg.Connection) -> None:
        """Get to know what was made since the last look."""
        rows = await connection.fetch(OBJECTS)
        maker, self._maker = self._maker, None  # not before: the fetch can be cancelled
        if maker is not None:
            self._owners = {row["name"]: self._owners.get(row["name"], maker) for row in rows}
        self._prepared = {row["name"] for row in rows if row["prepared"]}

    def refusal(self, session: ServerSession, statement: Statement) -> str | None:
        """Why this session cannot send the statement, if it cannot."""
        if statement.asks_for_last_value and self._writers - {session}:
            return _OTHERS_WROTE
        names = [name for name, owner in self._owners.items() if owner is not session]
        if not names:
            return None
        words = set(_WORD.findall(statement.sql.lower()))
        for name in names:
            named = statement.names_prepared or name not in self._prepared
            if statement.discards or (named and not words.isdisjoint(_WORD.findall(name.lower()))):
                return _OTHERS_HAVE
        return None

    def clean_up(self) -> list[str]:
        """The SQL that drops the objects, if all connections that made them are closed."""
        if not self._owners or not all(owner.closed for owner in self._owners.values()):
            return []
        self._owners.clear()
        return ["DISCARD TEMP", *(f"DEALLOCATE {quoted_name(name)}" for name in self._prepared)]

    async def create(
        self,
        connection: asyncpg.Connection,
        statement: Statement,
        operation: Callable[[asyncpg.Connection], Awaitable[T]],
    ) -> T:
        """Run an operation that creates temporary tables ON COMMIT, and give them their comments.
        A table that was there before (IF NOT EXISTS) goes on as it is."""
        names = [name for name, _ in statement.on_commit]
        before = await connection.fetch(TABLES, names)
        result = await operation(connection)
        created = {name for name, _ in {*await connection.fetch(TABLES, names)} - {*before}}
        for name, comment in statement.on_commit:
            if name in created:
                await connection.execute(comment_on(name, comment))
        return result

    def on_commit(self) -> list[str]:
        """The SQL that does what the temporary tables do at a commit."""
        return [ON_COMMIT] if self._on_commit else []
