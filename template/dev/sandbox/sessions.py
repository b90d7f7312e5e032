"""What PostgreSQL keeps for a connection beyond its transactions: parameters of the session.

All virtual connections share those of the physical one, so they are changed when it changes hands.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from dev.sandbox.errors import COMMITTED
from dev.sandbox.sql import quoted_name

LOOK = """
    SELECT name, setting FROM pg_settings
    WHERE source = 'session' AND name NOT LIKE 'transaction_%'
    UNION SELECT name, current_setting(name, true) FROM unnest($1::text[]) AS t(name)
    WHERE current_setting(name, true) <> ''
"""
"""The parameters that were set. That view has neither those of extensions and applications, which
have a dot in their names, nor the role."""

_OF_TRANSACTIONS = re.compile(
    r"\bdefault_transaction_|\bset\s+session\s+characteristics\b", re.IGNORECASE
)
_AUTHORIZATION = re.compile(
    r"\bset\s+(session\s+)?session\s+authorization\b|'session_authorization'", re.IGNORECASE
)

NOBODY = {"role": "none"}
"""The parameters of a session that has set none."""

LOCKED = """
    SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
"""
LOCKS = re.compile(r"\bpg_(try_)?advisory_lock", re.IGNORECASE)
"""Takes an advisory lock that its transaction does not release."""

NOTE_ROLE = "SELECT set_config('tests_sandbox.role', current_setting('role'), true)"
NO_ROLE = "SET LOCAL ROLE NONE"
ROLE_AGAIN = "SELECT set_config('role', current_setting('tests_sandbox.role'), true)"

_WITH_A_DOT = re.compile(r"[^\W\d]\w*\.[^\W\d]\w*")


@dataclass(eq=False, slots=True)
class ServerSession:
    """The parameters of one virtual connection."""

    settings: Mapping[str, str] = field(default_factory=lambda: NOBODY)
    """Those that were set, as they were when it last used the physical connection."""

    changed: bool = False
    """Parameters have been set since then."""

    kept: Mapping[str, str] = field(default_factory=lambda: NOBODY)
    """Those that the next test begins with."""

    closed: bool = False
    """Its virtual connection is closed."""

    names: set[str] = field(default_factory=set)
    """Words in its statements that could be names of parameters of an application."""

    def note_change(self, sql: str, arguments: Iterable[Any]) -> None:
        """A statement with these arguments may set parameters."""
        self.changed = True
        for text in (sql, *(argument for argument in arguments if isinstance(argument, str))):
            self.names.update(name.lower() for name in _WITH_A_DOT.findall(text))

    def forget_test(self) -> None:
        self.settings, self.changed = self.kept, False

    async def look(self, connection: asyncpg.Connection) -> None:
        """Remember the parameters that the physical connection has."""
        names = [*sorted(self.names), "role"]
        self.settings = dict(await connection.fetch(LOOK, names))
        self.changed = False


def refusal(sql: str) -> str | None:
    """Why a statement that may set parameters of the session cannot run; None if it can."""
    if _OF_TRANSACTIONS.search(sql):
        return (
            "it is about transactions that begin later, and to PostgreSQL the whole test is one "
            "that has begun. Pass the isolation level or `readonly` when a transaction begins, "
            f"or {COMMITTED}."
        )
    if _AUTHORIZATION.search(sql):
        return f"it would change the user of all connections. Use SET ROLE, or {COMMITTED}."
    return None


def without_role(sql: list[str]) -> list[str]:
    """The same SQL for a session that may have a role, which may not be allowed to do that."""
    return [NOTE_ROLE, NO_ROLE, *sql, ROLE_AGAIN] if sql else []


def switch(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The SQL that replaces these parameters by those. First the role goes, which may not be
    allowed to set the others."""
    sql = ["RESET ROLE", *(f"RESET {quoted_name(name)}" for name in before.keys() - after.keys())]
    changed = after.items() - before.items()
    for name, value in sorted(changed | {("role", after["role"])}, key=_role_last):
        sql.append(f"SELECT set_config({_literal(name)}, {_literal(value)}, false)")
    return sql


def _role_last(setting: tuple[str, str]) -> tuple[bool, str]:
    return setting[0] == "role", setting[0]


def _literal(text: str) -> str:
    """Safe whatever `standard_conforming_strings` is."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
