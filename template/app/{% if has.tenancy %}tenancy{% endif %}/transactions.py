"""For which tenant a transaction acts: set once, when it begins, for all statements in it.

So the ORM, Core, SQL of your own and jobs are all held to it. What is set ends with the
transaction, so that the next one of a connection begins without a tenant, behind a pooler as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import TENANT_ROLE

SETTING = "app.tenant_id"

ALL_TENANTS = "all_tenants"
"""The execution option of an engine or connection that is not held to a tenant. It sees what the
role that it logs in with sees."""

ROLE_REFUSED = ("22023", "42501")  # it does not exist; this one is no member of it

current: ContextVar[int | None] = ContextVar("current_tenant", default=None)
"""The tenant for which transactions act that begin now; None sees and writes no row."""


class TenancyError(Exception):
    """A transaction cannot be held to a tenant."""


@contextmanager
def acting_for(tenant_id: int | None) -> Iterator[None]:
    """Let the transactions that begin in the block act for this tenant: in commands, in jobs on a
    schedule, and in tests. A request acts for a tenant by itself."""
    token = current.set(tenant_id)
    try:
        yield
    finally:
        current.reset(token)


def hold_to_tenants(engine: AsyncEngine) -> None:
    """Let each transaction of the engine act for the current tenant, if it is not so already."""
    if not event.contains(engine.sync_engine, "begin", _act_for_tenant):
        event.listen(engine.sync_engine, "begin", _act_for_tenant)


def for_all_tenants(engine: AsyncEngine) -> AsyncEngine:
    """The same connections, which are held to no tenant: only for what belongs to none, such as
    tenants and users. `app.state.shared_sessions` read that without a transaction."""
    return engine.execution_options(**{ALL_TENANTS: True})


def _act_for_tenant(connection: Connection) -> None:
    """Raises TenancyError."""
    if connection.get_execution_options().get(ALL_TENANTS):
        return
    driver = connection.connection.dbapi_connection
    if driver is not None and connection.dialect.detect_autocommit_setting(driver):
        raise TenancyError(
            "in AUTOCOMMIT there is no transaction that could act for a tenant. Use a transaction, "
            f"or say that this is not for one: execution_options({ALL_TENANTS}=True)"
        )
    tenant_id = current.get()
    try:
        connection.exec_driver_sql(
            f"SELECT set_config('role', $1, true), set_config('{SETTING}', $2, true)",
            (TENANT_ROLE, "" if tenant_id is None else str(tenant_id)),
        )
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in ROLE_REFUSED:
            raise
        raise TenancyError(
            f"cannot act in the role {TENANT_ROLE}: {error.orig}. Migrations create it, and "
            f"GRANT {TENANT_ROLE} lets another role act in it"
        ) from error
