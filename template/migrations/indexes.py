"""Compares what Alembic's autogenerate ignores of an index: its condition, its method, its operator
classes, the columns that it includes, and its parameters.

PostgreSQL stores an index in a form of its own. So those of the models are created on an empty copy
of the table, and read back before they are compared.
"""

import re

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Connection, Index, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

PLUGIN = "migrations.indexes"
TEMPORARY_TABLE = "alembic_indexes"
STORED = text("""
    SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = to_regclass(:table)
""")
SIMPLE = re.compile(r'btree \((\w+|"[^"]+")(, (\w+|"[^"]+"))*\)')


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    _: str,
    current: Table | None,
    target: Table | None,
) -> PriorityDispatchResult:
    """Add to `changes` what replaces the indexes of a table that differ from those of the same name
    in its model."""
    connection = context.connection
    if connection is None or current is None or target is None:
        return PriorityDispatchResult.CONTINUE
    quote = connection.dialect.identifier_preparer.quote
    table = f"{quote(schema)}.{quote(current.name)}" if schema else quote(current.name)
    replaced = {one.index_name for one in changes.ops if isinstance(one, ops.DropIndexOp)}
    old = {index.name: index for index in current.indexes if index.name not in replaced}
    both = {index.name: index for index in target.indexes if index.name in old}
    stored = indexes_of_database(connection, table) if both else {}
    special = [
        index
        for name, index in sorted(both.items(), key=str)
        if not (is_simple(index) and SIMPLE.fullmatch(stored[name]))
    ]
    expected = as_stored(connection, table, special) if special else {}
    for index in special:
        if stored[index.name] != expected[index.name]:
            # First, because a column may change that the index uses.
            changes.ops.insert(0, ops.DropIndexOp.from_index(old[index.name]))
            changes.ops.append(ops.CreateIndexOp.from_index(index))
    return PriorityDispatchResult.CONTINUE


def is_simple(index: Index) -> bool:
    """Whether the index only has columns, which Alembic compares."""
    return not index.dialect_kwargs and all(isinstance(one, Column) for one in index.expressions)


def indexes_of_database(connection: Connection, table: str) -> dict[str | None, str]:
    """The indexes of a table as PostgreSQL stores them, by name."""
    found = connection.execute(STORED, {"table": table})
    return {name: definition.partition(" USING ")[2] for name, definition in found}


def as_stored(
    connection: Connection, table: str, indexes: list[Index]
) -> dict[str | None, str | None]:
    """The indexes as PostgreSQL would store them, by name; None for one that it refuses, such as
    for want of a column that the migration adds."""
    found: dict[str | None, str | None] = {index.name: None for index in indexes}
    with connection.begin_nested() as savepoint:
        # Like the table, not like its model: PostgreSQL adapts an index to a new type of a column.
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {TEMPORARY_TABLE} (LIKE {table})")
        for index in indexes:
            try:
                with connection.begin_nested():
                    connection.exec_driver_sql(on_temporary_table(connection, table, index))
            except DBAPIError:
                continue
        found |= indexes_of_database(connection, TEMPORARY_TABLE)
        savepoint.rollback()
    return found


def on_temporary_table(connection: Connection, table: str, index: Index) -> str:
    """The statement that creates the index, on the temporary table instead of its own."""
    statement = str(CreateIndex(index).compile(connection))
    statement = statement.replace(f" ON {table} ", f" ON {TEMPORARY_TABLE} ", 1)
    return statement.replace(" CONCURRENTLY ", " ", 1)  # impossible in a transaction


plugin = Plugin(PLUGIN)
plugin.add_autogenerate_comparator(
    compare, "table", "index details", priority=DispatchPriority.LAST
)
