"""Compares and changes the default of a column that gets another type.

Alembic's autogenerate asks PostgreSQL whether the two defaults are equal, which fails if they are
of types that cannot be compared. And PostgreSQL does not convert each default together with its
column. So the old one is dropped first, and the new one is set last.
"""

from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, DefaultClause
from sqlalchemy.types import TypeEngine

PLUGIN = "migrations.defaults"


def compare(
    context: AutogenContext,
    change: ops.AlterColumnOp,
    _: str | None,
    __: str,
    ___: str,
    current: Column[Any],
    target: Column[Any],
) -> PriorityDispatchResult:
    """Say that the default changes if the type becomes one of another kind."""
    old, new = current.server_default, target.server_default
    if (
        (old is None and new is None)
        or not all(one is None or isinstance(one, DefaultClause) for one in (old, new))
        or not is_of_another_kind(current.type, target.type)
        or not context.migration_context.impl.compare_type(current, target)
    ):
        return PriorityDispatchResult.CONTINUE
    change.existing_server_default = old
    change.modify_server_default = new
    return PriorityDispatchResult.STOP


def order(operations: ops.UpgradeOps) -> None:
    """Let a column whose type becomes one of another kind have no default in the meantime."""
    for change in operations.ops:
        if isinstance(change, ops.ModifyTableOps):
            change.ops = [part for one in change.ops for part in steps(one)]


def steps(change: ops.MigrateOperation) -> list[ops.MigrateOperation]:
    if (
        not isinstance(change, ops.AlterColumnOp)
        or change.modify_type is None
        or change.modify_server_default is False
        or not is_of_another_kind(change.existing_type, change.modify_type)
    ):
        return [change]
    old, new = change.existing_server_default, change.modify_server_default
    column: dict[str, Any] = {
        "table_name": change.table_name,
        "column_name": change.column_name,
        "schema": change.schema,
    }
    drop = ops.AlterColumnOp(
        **column,
        existing_type=change.existing_type,
        existing_nullable=change.existing_nullable,
        existing_server_default=old,
        modify_server_default=None,
    )
    add = ops.AlterColumnOp(
        **column,
        existing_type=change.modify_type,
        existing_nullable=change.existing_nullable,
        existing_server_default=None,
        modify_server_default=new,
    )
    change.existing_server_default = change.modify_server_default = False
    return [*([drop] if old is not None else []), change, *([add] if new is not None else [])]


def is_of_another_kind(old: TypeEngine[Any] | None, new: TypeEngine[Any]) -> bool:
    """Whether SQLAlchemy sees more in it than another length or precision, such as a text that
    becomes a number."""
    if old is None:
        return True
    return old._type_affinity is not new._type_affinity  # noqa: SLF001  (as Alembic does)


plugin = Plugin(PLUGIN)
plugin.add_autogenerate_comparator(
    compare, "column", "server_default", priority=DispatchPriority.FIRST
)
