"""Tenants, and what belongs to them."""

from sqlalchemy import ForeignKey, String, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.errors import HIDDEN
from app.models import Base
from app.tenancy.transactions import SETTING

# As PostgreSQL writes it, since migrations compare it with what is in the database. The setting is
# '' rather than NULL once another transaction of the connection has set it.
CURRENT_TENANT = f"(NULLIF(current_setting('{SETTING}'::text, true), ''::text))::bigint"
"""The tenant of the transaction in SQL, or NULL."""


ROW_SECURITY = "row_security"
"""Marks the column by which policies limit the rows of its table; `migrations` creates them."""


class Tenant(Base):
    __tablename__ = "tenants"

    name: Mapped[str] = mapped_column(String(100), unique=True)


class OfTenant:
    """A base, beside `Base`, of models whose rows belong to a tenant: that of the transaction which
    inserts them.

    PostgreSQL checks constraints past all policies. So whatever is unique is so for a tenant, and
    references lead to rows of the same tenant:

        UniqueConstraint("tenant_id", "name")
        ForeignKeyConstraint(["tenant_id", "item_id"], ["items.tenant_id", "items.id"])
    """

    @declared_attr
    @classmethod
    def tenant_id(cls) -> Mapped[int]:
        return mapped_column(
            ForeignKey(Tenant.id, ondelete="RESTRICT"),
            server_default=text(CURRENT_TENANT),
            info={ROW_SECURITY: True, HIDDEN: True},
        )
