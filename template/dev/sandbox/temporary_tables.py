"""Which temporary tables a statement creates, and what happens to them at a commit."""

from collections.abc import Iterable, Iterator

from dev.sandbox.errors import COMMITTED
from dev.sandbox.sql import ParsedStatement, quoted_name, statements, unquoted

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

DROP = "tests_sandbox: ON COMMIT DROP"
DELETE_ROWS = "tests_sandbox: ON COMMIT DELETE ROWS"
"""The comments that such tables have: PostgreSQL does not tell what it does with them, and what a
rollback undoes, it undoes to the comment as well."""

TABLES = """
    SELECT name, to_regclass('pg_temp.' || quote_ident(name))::oid
    FROM unnest($1::text[]) AS t(name)
"""
"""Asks which temporary tables have these names."""

ON_COMMIT = """
    DO $on_commit$ DECLARE
        dropped text = (SELECT string_agg(objoid::regclass::text, ', ')
            FROM pg_description WHERE description = 'tests_sandbox: ON COMMIT DROP');
        emptied text = (SELECT string_agg(objoid::regclass::text, ', ')
            FROM pg_description WHERE description = 'tests_sandbox: ON COMMIT DELETE ROWS');
    BEGIN
        IF dropped <> '' THEN EXECUTE 'DROP TABLE ' || dropped || ' CASCADE'; END IF;
        IF emptied <> '' THEN EXECUTE 'TRUNCATE ' || emptied; END IF;
    END $on_commit$
"""
"""Does what PostgreSQL does at a commit."""

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
    """The names of the temporary tables that a statement creates ON COMMIT, each with the comment
    that says what to do at every commit from then on."""
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
            name, comment = unquoted(next(names, "")), _comment(rest)
            if name and comment is not None:
                yield name, comment
        case ["local" | "global", *rest]:
            yield from _created(rest)


def _comment(words: list[str]) -> str | None:
    for index in range(len(words) - 2):
        match words[index : index + 3]:
            case ["on", "commit", "drop"]:
                return DROP
            case ["on", "commit", "delete"]:
                return DELETE_ROWS
    return None


def comment_on(table: str, comment: str) -> str:
    """The SQL that gives a temporary table a comment."""
    return f"COMMENT ON TABLE pg_temp.{quoted_name(table)} IS '{comment}'"
