"""What the filters of a list ask the database for."""

import datetime as dt

import pytest
from pydantic import BaseModel
from sqlalchemy import MetaData, select
from sqlalchemy.orm import Mapped, mapped_column

from app.crud import Crud
from app.models import Base
from app.pagination import ListQuery


class SampleBase(Base):
    """Its tables are not those of the service."""

    __abstract__ = True
    metadata = MetaData()


class FilteredSample(SampleBase):
    __tablename__ = "filtered"

    size: Mapped[int]
    due: Mapped[dt.date | None] = mapped_column()
    best_before: Mapped[dt.date | None] = mapped_column()


class SampleQuery(ListQuery):
    size: int | None = None


class SampleCrud(Crud[FilteredSample, BaseModel, BaseModel]):
    model = FilteredSample


@pytest.mark.parametrize(
    ("name", "value", "sql"),
    [
        ("size", 7, "filtered.size = 7"),
        ("size", [7, 8], "filtered.size IN (7, 8)"),
        ("size_min", 7, "filtered.size >= 7"),
        ("size_max", 7, "filtered.size <= 7"),
        ("due_from", dt.date(2026, 1, 31), "filtered.due >= '2026-01-31'"),
        ("due_before", dt.date(2026, 1, 31), "filtered.due < '2026-01-31'"),
        ("best_before", dt.date(2026, 1, 31), "filtered.best_before = '2026-01-31'"),
    ],
)
def test_a_filter_compares_by_its_name_and_value(name: str, value: object, sql: str) -> None:
    condition = SampleCrud().condition(name, value)
    assert str(condition.compile(compile_kwargs={"literal_binds": True})) == sql


def test_a_query_of_your_own_can_have_the_filters_of_a_list() -> None:
    own = select(FilteredSample).where(FilteredSample.due.is_(None))
    filtered = SampleCrud().filter(own, SampleQuery(size=7))
    sql = str(filtered.compile(compile_kwargs={"literal_binds": True}))
    assert sql.endswith("WHERE filtered.due IS NULL AND filtered.size = 7")
