"""Deferrable constraints, which PostgreSQL checks at COMMIT, and the sandbox at a virtual one."""

import asyncpg

DEFERRABLE = """
    SELECT quote_ident(nspname) || '.' || quote_ident(conname) AS name, condeferred AS deferred
    FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace WHERE condeferrable
"""


class DeferrableConstraints:
    """Those of the database, and what a commit has to send because of them."""

    def __init__(self) -> None:
        self._exist = False
        self._initially_deferred: list[str] = []

    async def load(self, connection: asyncpg.Connection) -> None:
        """Ask the database for them, with one message."""
        rows = await connection.fetch(DEFERRABLE)
        self._exist = bool(rows)
        self._initially_deferred = sorted({row["name"] for row in rows if row["deferred"]})

    def as_declared(self) -> list[str]:
        """The SQL that undoes SET CONSTRAINTS. A rollback does not, if a savepoint in which that
        was sent has been released (`AfterTriggerEndSubXact` in PostgreSQL's trigger.c)."""
        return [*self.check(), *self.defer_again()]

    def check(self) -> list[str]:
        """The SQL that fails if one of them is violated."""
        return ["SET CONSTRAINTS ALL IMMEDIATE"] if self._exist else []

    def defer_again(self) -> list[str]:
        """The SQL that gives the next transaction the constraints as they were declared."""
        if not self._initially_deferred:
            return []
        return [f"SET CONSTRAINTS {', '.join(self._initially_deferred)} DEFERRED"]
