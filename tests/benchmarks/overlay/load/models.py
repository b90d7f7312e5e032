"""The table of the service under test, as somebody would declare it by hand."""

import datetime as dt
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, Identity, Numeric, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    description: Mapped[str | None]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    created_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    updated_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class ItemCreate(BaseModel):
    name: str = Field(max_length=100)
    description: str | None = None
    price: Decimal = Field(default=Decimal(0), max_digits=10, decimal_places=2)


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    description: str | None
    price: Decimal
    created_at: dt.datetime
    updated_at: dt.datetime


class ItemQuery(BaseModel):
    limit: int = Field(20, ge=1, le=100)
    after: int | None = None
    sort: Literal["id", "-id"] = "id"
    name: list[str] | None = None
    created_at_from: dt.datetime | None = None
    created_at_before: dt.datetime | None = None


class ItemPage(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    items: list[ItemRead]
    next_cursor: str | None
