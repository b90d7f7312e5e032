"""Says what the downgrade of a generated migration cannot do."""

from collections.abc import Iterator, Sequence
from typing import Any

from alembic import context
from alembic.operations.ops import AddColumnOp, MigrateOperation, MigrationScript, OpContainer


def advise(scripts: Sequence[MigrationScript]) -> None:
    """Print which columns a downgrade adds that PostgreSQL refuses in a table with rows."""
    for script in scripts:
        for container in script.downgrade_ops_list:
            for column in _impossible_columns(container):
                context.config.print_stdout(
                    f"Review downgrade(): it adds {column}, which must not be null, and so fails "
                    "on a table with rows. Give it a server_default there."
                )


def _impossible_columns(operation: MigrateOperation) -> Iterator[str]:
    if isinstance(operation, OpContainer):
        for inner in operation.ops:
            yield from _impossible_columns(inner)
    elif isinstance(operation, AddColumnOp):
        column: Any = operation.column
        if not column.nullable and column.server_default is None:
            yield f"{operation.table_name}.{column.name}"
