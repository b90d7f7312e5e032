"""Lets autogenerate see CHECK constraints, and so the values of enums, which Alembic leaves out.

It compares texts as PostgreSQL writes them: those of the models are given to a temporary table, and
read back.
"""

import re
from collections.abc import Mapping
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from sqlalchemy import CheckConstraint, Connection, Enum, String, Table, inspect, text
from sqlalchemy.schema import conv
from sqlalchemy.types import TypeEngine

PLUGIN = "migrations.checks"
SCRATCH = "alembic_checks"
ONE_OF = re.compile(
    r"(\w+)::text = ANY \(ARRAY\[((?:'\w+'::character varying(?:, )?)+)\]::text\[\]\)"
)


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    _: str,
    there: Table | None,
    wanted: Table | None,
) -> PriorityDispatchResult:
    """Add to `changes` what turns the named CHECK constraints of one table into its model's."""
    connection = context.connection
    if connection is None or there is None:
        return PriorityDispatchResult.CONTINUE  # A table is made with its constraints,
    if wanted is None:  # and dropped with them: there the way back has to make them.
        for constraint in there.constraints:
            if isinstance(constraint, CheckConstraint):
                constraint.sqltext = text(readable(str(constraint.sqltext)))
        return PriorityDispatchResult.CONTINUE
    old = stored(connection, there.name, schema)
    new = texts(connection, wanted, there)
    normal = as_stored(connection, wanted, new)
    for name in sorted(old.keys() - new.keys() | changed(old, normal)):
        drop = CheckConstraint(readable(old[name]), name=conv(name), table=there)
        # First, because a column may change so that the constraint no longer fits it.
        changes.ops.insert(0, ops.DropConstraintOp.from_constraint(drop))
    for change in changes.ops:
        if isinstance(change, ops.AlterColumnOp):
            change.modify_type = without_check(change.modify_type)
    for name in sorted(new.keys() - old.keys() | changed(old, normal)):
        add = CheckConstraint(new[name], name=conv(name), table=there)
        changes.ops.append(ops.AddConstraintOp.from_constraint(add))
    return PriorityDispatchResult.CONTINUE


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


def without_check(type_: TypeEngine[Any] | None) -> TypeEngine[Any] | None:
    """The type, but that of an enum would make its constraint a second time."""
    return String(type_.length) if isinstance(type_, Enum) and type_.create_constraint else type_


def readable(stored: str) -> str:
    """The text as one would write it; PostgreSQL takes its own `= ANY` for another expression."""
    match = ONE_OF.fullmatch(stored)
    if match is None:
        return stored
    return f"{match[1]} IN ({match[2].replace('::character varying', '')})"


def stored(connection: Connection, table: str, schema: str | None = None) -> dict[str, str]:
    """The constraints in the database by name."""
    checks = inspect(connection).get_check_constraints(table, schema)
    return {check["name"]: check["sqltext"] for check in checks if check["name"]}


def texts(connection: Connection, wanted: Table, there: Table) -> dict[str, str]:
    """The constraints of the model by name, without those that come with a new column's type."""
    found = {}
    for constraint in wanted.constraints:
        if not isinstance(constraint, CheckConstraint) or not isinstance(constraint.name, str):
            continue
        is_new = any(column.name not in there.columns for column in constraint.columns)
        if is_new and constraint._type_bound:  # noqa: SLF001  (Alembic tells them apart by it, too)
            continue
        options = {"include_table": False, "literal_binds": True}
        compiled = constraint.sqltext.compile(connection, compile_kwargs=options)
        found[str(constraint.name)] = str(compiled)
    return found


def as_stored(connection: Connection, wanted: Table, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts as PostgreSQL writes them."""
    if not texts:
        return {}
    quote = connection.dialect.identifier_preparer.quote
    columns = [
        f"{quote(column.name)} {column.type.compile(connection.dialect)}" for column in wanted.c
    ]
    checks = [f"CONSTRAINT {quote(name)} CHECK ({sql})" for name, sql in texts.items()]
    with connection.begin_nested() as savepoint:
        table = f"CREATE TEMPORARY TABLE {SCRATCH} ({', '.join(columns + checks)})"
        connection.exec_driver_sql(table)
        found = stored(connection, SCRATCH)
        savepoint.rollback()
    return found


plugin = Plugin(PLUGIN)
plugin.add_autogenerate_comparator(compare, "table", "check constraints")
