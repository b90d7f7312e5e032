"""Orders what a generated migration does to references, since Alembic goes from table to table.

PostgreSQL drops no table, column or key that a reference leads to, and creates no reference to one
that does not exist. So references are dropped first and created last; the downgrade is the same in
reverse.
"""

from alembic.operations.ops import (
    CreateForeignKeyOp,
    CreateTableOp,
    DropConstraintOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import ForeignKeyConstraint


def order(operations: UpgradeOps) -> None:
    """Drop references before all else, and create them after it.

    A table is created or dropped with its own references, but for those that lead to a table which
    is created later, or dropped before.
    """
    first: list[MigrateOperation] = []
    last: list[MigrateOperation] = []
    to_create = {_name(one) for one in operations.ops if isinstance(one, CreateTableOp)}
    dropped: set[str] = set()
    for change in operations.ops:
        if isinstance(change, ModifyTableOps):
            first += [one for one in change.ops if _drops_reference(one)]
            last += [one for one in change.ops if isinstance(one, CreateForeignKeyOp)]
            change.ops = [one for one in change.ops if one not in first and one not in last]
        elif isinstance(change, CreateTableOp):
            to_create.remove(_name(change))
            last += map(CreateForeignKeyOp.from_constraint, _take_out(change, to_create))
        elif isinstance(change, DropTableOp) and change._reverse is not None:  # noqa: SLF001
            taken = _take_out(change._reverse, dropped)  # noqa: SLF001  (what it was created with)
            first += map(DropConstraintOp.from_constraint, taken)
            dropped.add(_name(change))
    operations.ops = [*first, *operations.ops, *last]


def _drops_reference(operation: MigrateOperation) -> bool:
    return isinstance(operation, DropConstraintOp) and operation.constraint_type == "foreignkey"


def _take_out(table: CreateTableOp, targets: set[str]) -> list[ForeignKeyConstraint]:
    """Remove the references to these tables."""
    taken, left = [], []
    for part in table.columns:
        if isinstance(part, ForeignKeyConstraint) and _target(part) in targets:
            taken.append(part)
        else:
            left.append(part)
    table.columns = left
    return taken


def _name(table: CreateTableOp | DropTableOp) -> str:
    return f"{table.schema}.{table.table_name}" if table.schema else table.table_name


def _target(reference: ForeignKeyConstraint) -> str:
    return reference.elements[0].target_fullname.rpartition(".")[0]
