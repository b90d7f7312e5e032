"""A resource that only these tests have."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)


class Thing(Base):
    __tablename__ = "test_things"

    name: Mapped[str]


class Secret(Base):
    __tablename__ = "test_secrets"

    announce_changes = False


for model in (Thing, Secret):
    model.__module__ = "app.resources.thing.models"  # only models of resources are announced


async def create_tables(session: AsyncSession) -> None:
    await session.run_sync(lambda session: Base.metadata.create_all(session.connection()))
