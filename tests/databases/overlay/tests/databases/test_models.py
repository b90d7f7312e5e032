"""A run compares the models with the migrations again if they have changed in any way."""

import pytest
from sqlalchemy import Column, Computed, Index, Integer, MetaData, String, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, ENUM
from sqlalchemy.schema import SchemaItem

from dev.databases.models import describe_models


def description(*items: SchemaItem) -> str:
    metadata = MetaData()
    Table("lamps", metadata, Column("id", Integer), *items)
    return describe_models(metadata)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Column("a", ENUM("x", name="kind")), Column("a", ENUM("x", "y", name="kind"))),
        (
            Column("a", ARRAY(ENUM("x", name="kind"))),
            Column("a", ARRAY(ENUM("x", "y", name="kind"))),
        ),
        (Column("a", String, comment="one"), Column("a", String, comment="other")),
        (Column("a", Integer, Computed("id + 1")), Column("a", Integer, Computed("id + 2"))),
        (
            Index("ix", "id", postgresql_where=text("id > 1")),
            Index("ix", "id", postgresql_where=text("id > 2")),
        ),
    ],
    ids=["enum", "enums", "comment", "computed", "index"],
)
def test_each_change_of_a_model_changes_its_description(one: SchemaItem, other: SchemaItem) -> None:
    assert description(one) != description(other)


def test_equal_models_have_one_description() -> None:
    items = [Column("a", ENUM("x", name="kind")) for _ in range(2)]
    assert description(items[0]) == description(items[1])
