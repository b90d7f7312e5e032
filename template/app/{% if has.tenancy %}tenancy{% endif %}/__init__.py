"""Tenants: each row of a resource belongs to one, and PostgreSQL keeps them apart.

transactions.py  lets each transaction act for a tenant: `acting_for`
models.py        the tenants, and `OfTenant`, the base class of what belongs to them
header.py        for which tenant a request acts, by its header `X-Tenant-ID`

Every transaction of the service runs in a role that owns nothing, whose rows the policies of the
migrations limit to those of its tenant (row-level security). Without a tenant there are none.
"""

from app.tenancy.models import OfTenant, Tenant
from app.tenancy.transactions import acting_for

__all__ = ["OfTenant", "Tenant", "acting_for"]
