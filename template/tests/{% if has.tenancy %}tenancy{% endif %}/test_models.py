"""What the models of tenants have to have, those of your own as well."""

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncSession

import app.resources  # noqa: F401  (fills Base.metadata)
from app.models import Base
from app.tenancy.models import ROW_SECURITY

TABLES = [
    table
    for table in Base.metadata.sorted_tables
    if any(column.info.get(ROW_SECURITY) for column in table.columns)
]


def test_whatever_is_unique_is_so_for_a_tenant() -> None:
    for table in TABLES:
        unique: list[UniqueConstraint | Index] = [
            *(one for one in table.constraints if isinstance(one, UniqueConstraint)),
            *(one for one in table.indexes if one.unique),
        ]
        for one in unique:
            assert "tenant_id" in one.columns, f"{one.name}: add tenant_id to its columns"


def test_references_between_tables_of_tenants_stay_within_a_tenant() -> None:
    for table in TABLES:
        for key in table.foreign_key_constraints:
            if key.referred_table in TABLES:
                pairs = {one.parent.name: one.column.name for one in key.elements}
                assert pairs.get("tenant_id") == "tenant_id", (
                    f"{key.name}: refer by tenant_id and id"
                )


async def test_no_other_policy_adds_rows(db_session: AsyncSession) -> None:
    """PostgreSQL shows the rows of any permissive policy."""
    others = text(
        "SELECT tablename, policyname FROM pg_policies WHERE permissive = 'PERMISSIVE' "
        "AND policyname <> 'tenant' AND tablename = ANY(:tables)"
    )
    found = await db_session.execute(others, {"tables": [table.name for table in TABLES]})
    assert found.all() == []
