"""Which temporary tables a statement creates, and what happens to them at a commit."""

from collections.abc import Iterable, Iterator

from dev.sandbox.errors import COMMITTED
from dev.sandbox.sql import ParsedStatement, statements, unquoted

MAKERS = r"""
    WITH functions AS MATERIALIZED (
        SELECT oid, proname, prosrc FROM pg_proc
        WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    ), makers AS (
        SELECT oid, proname, prosrc ~* 'on\s+commit' AS on_commit FROM functions
        WHERE prosrc ~* '\m(temp|temporary|pg_temp)\M'
    )
    SELECT proname AS name, on_commit FROM makers
    UNION SELECT relname, on_commit FROM pg_class JOIN pg_trigger ON tgrelid = pg_class.oid
        JOIN makers ON makers.oid = tgfoid
"""
"""Asks for the functions that may create temporary tables, and the tables with triggers that call
them."""

UNSEEN_ON_COMMIT = (
    "it calls a function that creates a temporary table ON COMMIT, and the sandbox cannot see "
    f"which. Create the table by a statement, or {COMMITTED}."
)

_WORDS = {"temp", "temporary", "pg_temp"}


def makes_temporary(statements_: Iterable[ParsedStatement]) -> bool:
    """Whether one of these statements may create something temporary."""
    for statement in statements_:
        if statement.words[0] == "do":
            literals = (token.text for token in statement.tokens if token.kind == "literal")
            if any(word in text.lower() for text in literals for word in _WORDS):
                return True
        if statement.words[0] in {"create", "select", "with"} and _WORDS & set(statement.words):
            return True
    return False


def on_commit(statement: ParsedStatement) -> Iterator[tuple[str, str]]:
    """The names of the temporary tables that a statement creates, each with the SQL for every
    commit from then on."""
    if statement.words[0] == "do":
        for token in statement.tokens:
            if token.kind == "literal":
                for inner in statements(token.text.strip("$'")):
                    yield from on_commit(inner)
    for index, word in enumerate(statement.words):
        if word == "create":
            yield from _created(statement.words[index + 1 :])


def _created(words: list[str]) -> Iterator[tuple[str, str]]:
    match words:
        case ["temp" | "temporary", "table", *rest]:
            names = (word for word in rest if word not in {"if", "not", "exists", "pg_temp"})
            if name := unquoted(next(names, "")):
                yield name, _action(name, rest)
        case ["local" | "global", *rest]:
            yield from _created(rest)


def _action(name: str, words: list[str]) -> str:
    for index in range(len(words) - 2):
        match words[index : index + 3]:
            case ["on", "commit", "drop"]:
                return drop_table(name)
            case ["on", "commit", "delete"]:
                return _delete_rows(name)
    return ""


def drop_table(name: str) -> str:
    return f"DROP TABLE IF EXISTS {_qualified(name)}"


def _delete_rows(name: str) -> str:
    table = _qualified(name).replace("'", "''")
    truncate = f"IF to_regclass('{table}') IS NOT NULL THEN TRUNCATE {_qualified(name)}; END IF"
    return f"DO $delete_rows$ BEGIN {truncate}; END $delete_rows$"


def _qualified(name: str) -> str:
    return 'pg_temp."' + name.replace('"', '""') + '"'
