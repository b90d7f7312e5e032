"""The base of all models."""

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum, Identity, MetaData, event, func
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column

# Every constraint is named after its table and columns, so that migrations can drop it and error
# responses can say which one was violated.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """A table with an integer primary key and timestamps, all set by the database."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), sort_order=1
    )
    updated_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now(), sort_order=1
    )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__.get('id', 'new')}>"


@event.listens_for(Base, "instrument_class", propagate=True)
def read_what_the_database_computes(mapper: Mapper[Any], _: type[Any]) -> None:
    """Read it in the statement that writes the row: a lazy load later on would fail, because
    attribute access cannot await.

    It is set here because the `__mapper_args__` of a model take the place of those of its base.
    """
    mapper.eager_defaults = True


def choice_of(enum: type[StrEnum], column: str) -> Enum:
    """The type of a text column that a CHECK constraint limits to the values of `enum`."""
    return Enum(
        enum,
        name=column,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        create_constraint=True,
        length=50,
    )
