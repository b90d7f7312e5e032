"""A model of tenants that only these tests have."""

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped

from app.models import NAMING_CONVENTION, Base
from app.tenancy import OfTenant
from migrations.row_security import limit_rows


class Sample(Base):
    """Its tables are not those of the service."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Thing(OfTenant, Sample):
    __tablename__ = "test_things"
    __table_args__ = (sa.UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]


async def create_table(session: AsyncSession) -> None:
    await session.run_sync(lambda session: Sample.metadata.create_all(session.connection()))
    for statement in limit_rows(Thing.__tablename__).statements:
        await session.execute(sa.text(statement))
