"""Compares computed columns, about whose expressions Alembic's autogenerate only warns.

PostgreSQL stores an expression in a form of its own. So the columns of the models are added to an
empty copy of the table, and read back before they are compared. PostgreSQL can change neither an
expression, before release 17, nor the type of a column that one uses: the computed column is
dropped first and added last, with its indexes and unique constraints.
"""

import re
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Connection, Index, Table, UniqueConstraint, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn

PLUGIN = "migrations.computed"
TEMPORARY_TABLE = "alembic_computed"
STORED = text("""
    SELECT attname, attgenerated::text || pg_get_expr(adbin, adrelid) FROM pg_attribute
    JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = to_regclass(:table) AND attgenerated <> ''
""")


def leave_to_table(*arguments: Any) -> PriorityDispatchResult:
    """Keep Alembic from comparing the expressions of a column as defaults."""
    current, target = arguments[-2:]
    if current.computed is None and target.computed is None:
        return PriorityDispatchResult.CONTINUE
    return PriorityDispatchResult.STOP


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    _: str,
    current: Table | None,
    target: Table | None,
) -> PriorityDispatchResult:
    """Add to `changes` what replaces the columns that are computed in another way in the model."""
    connection = context.connection
    if connection is None or current is None or target is None:
        return PriorityDispatchResult.CONTINUE
    both = [column for column in target.columns if column.name in current.columns]
    if all(one.computed is current.columns[one.name].computed is None for one in both):
        return PriorityDispatchResult.CONTINUE
    quote = connection.dialect.identifier_preparer.quote
    table = f"{quote(schema)}.{quote(current.name)}" if schema else quote(current.name)
    old = expressions_of_database(connection, table)
    new = as_stored(connection, table, [one for one in both if one.computed is not None])
    retyped = {
        one.column_name
        for one in changes.ops
        if isinstance(one, ops.AlterColumnOp) and one.modify_type is not None
    }
    for column in both:
        if old.get(column.name) != new.get(column.name) or retyped & names_in(column):
            replace(changes, current.columns[column.name], column)
    return PriorityDispatchResult.CONTINUE


def order(operations: ops.UpgradeOps) -> None:
    """Drop computed columns before the columns that they use are changed or dropped, and add them
    after it. Alembic drops columns last, and adds them in the order of the model."""
    for change in operations.ops:
        if isinstance(change, ops.ModifyTableOps) and any(map(is_computed, change.ops)):
            change.ops.sort(key=place)


def place(operation: ops.MigrateOperation) -> int:
    if isinstance(operation, ops.DropIndexOp | ops.DropConstraintOp):
        return 0
    if isinstance(operation, ops.DropColumnOp) and is_computed(operation):
        return 1
    if isinstance(operation, ops.AddColumnOp) and is_computed(operation):
        return 3
    if isinstance(operation, ops.CreateIndexOp | ops.AddConstraintOp):
        return 4
    return 2


def is_computed(operation: ops.MigrateOperation) -> bool:
    """Whether the operation adds or drops a computed column."""
    if isinstance(operation, ops.DropColumnOp):
        return operation.to_column().computed is not None
    return isinstance(operation, ops.AddColumnOp) and operation.column.computed is not None


def names_in(column: Column[Any]) -> set[str]:
    """The words of the expression of a column, which include the columns that it uses."""
    return set() if column.computed is None else {*re.findall(r"\w+", str(column.computed.sqltext))}


def expressions_of_database(connection: Connection, table: str) -> dict[str, str]:
    """The expressions of computed columns as PostgreSQL stores them, by the name of the column."""
    found = connection.execute(STORED, {"table": table})
    return {str(name): str(expression) for name, expression in found}


def as_stored(connection: Connection, table: str, columns: list[Column[Any]]) -> dict[str, str]:
    """The expressions as PostgreSQL would store them; as the model has it for one that it refuses,
    such as for want of a column that the migration adds."""
    found = {}
    with connection.begin_nested() as savepoint:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {TEMPORARY_TABLE} (LIKE {table})")
        for column in columns:
            name = connection.dialect.identifier_preparer.quote(column.name)
            found[column.name] = add = str(CreateColumn(column).compile(connection))
            try:
                with connection.begin_nested():
                    connection.exec_driver_sql(f"ALTER TABLE {TEMPORARY_TABLE} DROP {name}")
                    connection.exec_driver_sql(f"ALTER TABLE {TEMPORARY_TABLE} ADD {add}")
            except DBAPIError:
                continue
        found |= expressions_of_database(connection, TEMPORARY_TABLE)
        savepoint.rollback()
    return found


def replace(changes: ops.ModifyTableOps, old: Column[Any], new: Column[Any]) -> None:
    """Drop the column before all other changes, and add it after them."""
    schema, table = changes.schema, changes.table_name
    changes.ops = [
        *(drop(part) for part in parts_with(old)),
        ops.DropColumnOp.from_column_and_tablename(schema, table, old),
        *(one for one in changes.ops if not is_replaced(one, old, new)),
        ops.AddColumnOp.from_column_and_tablename(schema, table, new),
        *(create(part) for part in parts_with(new)),
    ]


def parts_with(column: Column[Any]) -> list[Index | UniqueConstraint]:
    """What PostgreSQL drops with the column."""
    table: Any = column.table
    # By name, because Alembic adds to a table of the database what it has read once more, and the
    # indexes of unique constraints, too.
    parts: dict[str, Index | UniqueConstraint] = {str(one.name): one for one in table.indexes}
    for one in table.constraints:
        if isinstance(one, UniqueConstraint):
            parts[str(one.name)] = one
    return [parts[name] for name in sorted(parts) if column.name in parts[name].columns]


def is_replaced(operation: ops.MigrateOperation, old: Column[Any], new: Column[Any]) -> bool:
    """Whether the operation changes the column, or drops or creates what goes with it."""
    if isinstance(operation, ops.AlterColumnOp):
        return operation.column_name == new.name
    names = {str(part.name) for part in (*parts_with(old), *parts_with(new))}
    attributes = ("index_name", "constraint_name")
    return any(getattr(operation, attribute, None) in names for attribute in attributes)


def drop(part: Index | UniqueConstraint) -> ops.MigrateOperation:
    if isinstance(part, Index):
        return ops.DropIndexOp.from_index(part)
    return ops.DropConstraintOp.from_constraint(part)


def create(part: Index | UniqueConstraint) -> ops.MigrateOperation:
    if isinstance(part, Index):
        return ops.CreateIndexOp.from_index(part)
    return ops.AddConstraintOp.from_constraint(part)


plugin = Plugin(PLUGIN)
plugin.add_autogenerate_comparator(
    leave_to_table, "column", "server_default", priority=DispatchPriority.FIRST
)
plugin.add_autogenerate_comparator(
    compare, "table", "computed columns", priority=DispatchPriority.LAST
)
