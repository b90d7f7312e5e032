"""Sorts the tables that a generated migration drops, since Alembic does not.

PostgreSQL drops no table that another one refers to.
"""

from graphlib import TopologicalSorter

from alembic.operations.ops import DropTableOp, MigrateOperation, UpgradeOps


def sort(operations: UpgradeOps) -> None:
    """Drop each table after those that refer to it."""
    drops = {one.table_name: one for one in operations.ops if isinstance(one, DropTableOp)}
    if len(drops) < 2:
        return
    references = {name: _targets(drop) & drops.keys() - {name} for name, drop in drops.items()}
    targets_first = [drops[name] for name in TopologicalSorter(references).static_order()]
    # At the place of the last one, because what belongs to a table is dropped before it.
    last = max(operations.ops.index(drop) for drop in drops.values())
    others: list[MigrateOperation] = []
    for place, operation in enumerate(operations.ops):
        if not isinstance(operation, DropTableOp):
            others.append(operation)
        if place == last:
            others += reversed(targets_first)
    operations.ops = others


def _targets(drop: DropTableOp) -> set[str]:
    """The tables that the table refers to."""
    keys = drop.to_table().foreign_keys
    return {key.target_fullname.rpartition(".")[0] for key in keys}
