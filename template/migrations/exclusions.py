"""Compares EXCLUDE constraints, which Alembic's autogenerate ignores in tables that exist.

PostgreSQL stores a constraint in a form of its own, which it may store differently again. So those
of the models are added to a temporary table and read back before they are compared, by what they
exclude and not by their names. A migration has what the model says.
"""

from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult
from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import AddConstraint

from migrations.checks import simplified

PLUGIN = "migrations.exclusions"
TEMPORARY_TABLE = "alembic_exclusions"
STORED = text("""
    SELECT conname, pg_get_constraintdef(oid, true) FROM pg_constraint
    WHERE conrelid = to_regclass(:table) AND contype = 'x'
""")


class ExclusionOp(ops.MigrateOperation):
    """Adds a constraint, or drops it."""

    def __init__(self, verb: str, table: str, name: str, definition: str) -> None:
        self.verb, self.table, self.name, self.definition = verb, table, name, definition

    def reverse(self) -> "ExclusionOp":
        verb = "drop" if self.verb == "add" else "add"
        return ExclusionOp(verb, self.table, self.name, self.definition)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return (f"{self.verb}_constraint", self.name)


def compare(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    name: str,
    current: Table | None,
    target: Table | None,
) -> PriorityDispatchResult:
    """Add to `changes` what turns the EXCLUDE constraints of a table into its model's."""
    connection = context.connection
    if connection is None or current is None:  # A new table is created with its constraints.
        return PriorityDispatchResult.CONTINUE
    quote = connection.dialect.identifier_preparer.quote
    table = f"{quote(schema)}.{quote(name)}" if schema else quote(name)
    old = exclusions_of_database(connection, table)
    new = exclusions_of_model(connection, target) if target is not None else {}
    for definition in sorted(old.keys() - new.keys()):
        # First, because a column may be dropped that the constraint uses.
        name = quote(old[definition])
        changes.ops.insert(0, ExclusionOp("drop", table, name, simplified(definition)))
    for stored in sorted(new.keys() - old.keys()):
        name, definition = new[stored]
        changes.ops.append(ExclusionOp("add", table, quote(name), definition))
    return PriorityDispatchResult.CONTINUE


def exclusions_of_database(connection: Connection, table: str) -> dict[str, str]:
    """The names of the constraints of a table, by what PostgreSQL stores of them."""
    found = connection.execute(STORED, {"table": table})
    return {definition: name for name, definition in found}


def exclusions_of_model(connection: Connection, target: Table) -> dict[str, tuple[str, str]]:
    """The name and the definition of each constraint of the model, by what PostgreSQL would store
    of it."""
    found = {}
    for constraint in target.constraints:
        if isinstance(constraint, ExcludeConstraint):
            adds = AddConstraint(constraint, isolate_from_table=False)
            sql = str(adds.compile(dialect=connection.dialect))
            definition = sql[sql.index("EXCLUDE USING") :]
            name = str(constraint.name or f"ex_{target.name}")
            found[as_stored(connection, target, definition)] = (name, definition)
    return found


def as_stored(connection: Connection, target: Table, definition: str) -> str:
    """The constraint as PostgreSQL would store it; as the model has it if PostgreSQL refuses it,
    such as for want of an extension. Then the database cannot have it, and the migration says why.
    """
    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote
    columns = [f"{quote(column.name)} {column.type.compile(dialect)}" for column in target.c]
    table = f"CREATE TEMPORARY TABLE {TEMPORARY_TABLE} ({', '.join([*columns, definition])})"
    try:
        with connection.begin_nested() as savepoint:
            connection.exec_driver_sql(table)
            (stored,) = exclusions_of_database(connection, TEMPORARY_TABLE)
            savepoint.rollback()
    except DBAPIError:
        return definition
    return stored


@renderers.dispatch_for(ExclusionOp)
def render(_: AutogenContext, operation: ExclusionOp) -> str:
    change = f"{operation.verb.upper()} CONSTRAINT {operation.name}"
    if operation.verb == "add":
        change = f"{change} {operation.definition}"
    return f"op.execute({f'ALTER TABLE {operation.table} {change}'!r})"


plugin = Plugin(PLUGIN)
plugin.add_autogenerate_comparator(compare, "table", "exclusions")
