"""Compares CHECK constraints, and so the values of enums, which Alembic's autogenerate ignores.

PostgreSQL stores the text of a constraint in a form of its own. So the constraints of the models
are added to a temporary table and read back before they are compared.
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
TEMPORARY_TABLE = "alembic_checks"
TEXT = r"'(?:[^']|'')*'"
LIST_OF_TEXTS = re.compile(
    rf"(\w+)::text (= ANY|<> ALL) \(ARRAY\[((?:{TEXT}::character varying(?:, )?)+)\]::text\[\]\)"
)


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    _: str,
    current: Table | None,
    target: Table | None,
) -> PriorityDispatchResult:
    """Add to `changes` what turns the named CHECK constraints of a table into its model's."""
    connection = context.connection
    if connection is None or current is None:  # A new table is created with its constraints.
        return PriorityDispatchResult.CONTINUE
    if target is None:  # The downgrade of a dropped table creates its constraints.
        for constraint in current.constraints:
            if isinstance(constraint, CheckConstraint):
                constraint.sqltext = text(simplified(str(constraint.sqltext)))
        return PriorityDispatchResult.CONTINUE
    old = checks_of_database(connection, current.name, schema)
    new = checks_of_model(connection, target, current)
    changed = differing(old, as_stored(connection, target, new))
    for name in sorted(old.keys() - new.keys() | changed):
        drop = CheckConstraint(simplified(old[name]), name=conv(name), table=current)
        # First, because a column may change so that it violates the old constraint.
        changes.ops.insert(0, ops.DropConstraintOp.from_constraint(drop))
    for change in changes.ops:
        if isinstance(change, ops.AlterColumnOp):
            change.modify_type = without_check(change.modify_type)
    for name in sorted(new.keys() - old.keys() | changed):
        add = CheckConstraint(new[name], name=conv(name), table=current)
        changes.ops.append(ops.AddConstraintOp.from_constraint(add))
    return PriorityDispatchResult.CONTINUE


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    """The names of the constraints that are in both and differ."""
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


def without_check(type_: TypeEngine[Any] | None) -> TypeEngine[Any] | None:
    """Replace the type of an enum, which would add its constraint a second time."""
    return String(type_.length) if isinstance(type_, Enum) and type_.create_constraint else type_


def simplified(stored: str) -> str:
    """Write `= ANY` as `IN` and `<> ALL` as `NOT IN`, because PostgreSQL stores its own text in yet
    another form."""
    return LIST_OF_TEXTS.sub(_as_list, stored)


def _as_list(stored: re.Match[str]) -> str:
    operator = "IN" if stored[2] == "= ANY" else "NOT IN"
    texts = re.sub(f"({TEXT})::character varying", r"\1", stored[3])
    return f"{stored[1]} {operator} ({texts})"


def checks_of_database(
    connection: Connection, table: str, schema: str | None = None
) -> dict[str, str]:
    """The constraints of a table as PostgreSQL stores them, by name."""
    checks = inspect(connection).get_check_constraints(table, schema)
    return {check["name"]: check["sqltext"] for check in checks if check["name"]}


def checks_of_model(connection: Connection, target: Table, current: Table) -> dict[str, str]:
    """The constraints of the model by name, without those that a new column brings along."""
    found = {}
    for constraint in target.constraints:
        if not isinstance(constraint, CheckConstraint) or not isinstance(constraint.name, str):
            continue
        is_new = any(column.name not in current.columns for column in constraint.columns)
        if is_new and constraint._type_bound:  # noqa: SLF001  (Alembic uses it in the same way)
            continue
        options = {"include_table": False, "literal_binds": True}
        compiled = constraint.sqltext.compile(connection, compile_kwargs=options)
        found[str(constraint.name)] = str(compiled)
    return found


def as_stored(connection: Connection, target: Table, checks: Mapping[str, str]) -> dict[str, str]:
    """The constraints as PostgreSQL would store them."""
    if not checks:
        return {}
    quote = connection.dialect.identifier_preparer.quote
    columns = [
        f"{quote(column.name)} {column.type.compile(connection.dialect)}" for column in target.c
    ]
    constraints = [f"CONSTRAINT {quote(name)} CHECK ({sql})" for name, sql in checks.items()]
    with connection.begin_nested() as savepoint:
        table = f"CREATE TEMPORARY TABLE {TEMPORARY_TABLE} ({', '.join(columns + constraints)})"
        connection.exec_driver_sql(table)
        stored = checks_of_database(connection, TEMPORARY_TABLE)
        savepoint.rollback()
    return stored


plugin = Plugin(PLUGIN)
plugin.add_autogenerate_comparator(compare, "table", "check constraints")
