"""What all models have in common."""

import datetime as dt
from enum import StrEnum

import pytest
import sqlalchemy
from sqlalchemy import CheckConstraint, ForeignKey, MetaData, create_mock_engine
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import ExecutableDDLElement

from app.models import NAMING_CONVENTION, Base, choice_of


class Color(StrEnum):
    RED = "r"
    BLUE = "b"


class SampleBase(Base):
    """Its tables are not those of the service."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class NamedSample(SampleBase):
    __tablename__ = "samples"
    __table_args__ = (CheckConstraint("other_id > 0", "positive"),)

    code: Mapped[str] = mapped_column(unique=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("samples.id"), index=True)
    color: Mapped[Color] = mapped_column(choice_of(Color, "color"))

    __mapper_args__ = {"polymorphic_on": "code", "polymorphic_identity": "sample"}


class SpecialSample(NamedSample):
    __mapper_args__ = {"polymorphic_identity": "special"}


@pytest.fixture(scope="module")
def created() -> str:
    """The statements that create the table."""
    statements: list[str] = []

    def note(statement: ExecutableDDLElement, *_: object, **__: object) -> None:
        statements.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine("postgresql+asyncpg://", note)
    SampleBase.metadata.create_all(engine, checkfirst=False)
    return "".join(statements)


@pytest.mark.parametrize(
    "name",
    [
        "CONSTRAINT pk_samples PRIMARY KEY (id)",
        "CONSTRAINT uq_samples_code UNIQUE (code)",
        "CONSTRAINT fk_samples_other_id FOREIGN KEY(other_id)",
        "CONSTRAINT ck_samples_positive CHECK (other_id > 0)",
        "CONSTRAINT ck_samples_color CHECK (color IN ('r', 'b'))",
        "INDEX ix_samples_other_id ON samples (other_id)",
    ],
)
def test_every_constraint_has_a_name_that_tells_its_table_and_columns(
    created: str, name: str
) -> None:
    assert name in created


@pytest.mark.parametrize(
    "column",
    [
        "id BIGINT GENERATED ALWAYS AS IDENTITY",
        "color VARCHAR(50) NOT NULL",
        "created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL",
        "updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL",
    ],
)
def test_the_database_sets_the_id_and_the_times(created: str, column: str) -> None:
    assert column in created


def test_the_times_are_the_last_columns_of_a_table() -> None:
    columns = SampleBase.metadata.tables["samples"].columns.keys()
    assert columns[-2:] == ["created_at", "updated_at"]


@pytest.mark.parametrize("model", [NamedSample, SpecialSample])
def test_what_the_database_computes_is_read_when_a_row_is_written(
    model: type[NamedSample],
) -> None:
    assert sqlalchemy.inspect(model).eager_defaults is True


def test_a_row_is_shown_by_its_id() -> None:
    row = NamedSample(code="a")
    assert repr(row) == "<NamedSample new>"
    row.id = 7
    row.created_at = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    assert repr(row) == "<NamedSample 7>"
