"""Sample rows for whatever tables a revision has: its models are gone, so factories cannot help."""

import datetime as dt
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, MetaData, Table, func, inspect, select
from sqlalchemy.exc import DBAPIError

BOUND = re.compile(r"[<>]= \(?'?(-?[0-9.]+)")
"""A number in a CHECK constraint, as PostgreSQL writes it."""

SAMPLES: dict[type, object] = {
    bool: True,
    int: 1,  # also the id of the first row, which may have to refer to itself
    float: 0.0,
    Decimal: Decimal(0),
    str: "a",
    dt.date: dt.date(2026, 1, 31),
    dt.datetime: dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
    UUID: UUID(int=1),
    object: {},  # JSON
}


def insert_sample_rows(connection: Connection) -> None:
    """Insert a row into every table. A table that rejects the sample values stays empty."""
    empty, tried = _tables(connection), list[Table]()
    while empty != tried:  # again, since tables may refer to each other
        tried, empty = empty, [table for table in empty if not _insert_row(connection, table)]


def _insert_row(connection: Connection, table: Table) -> bool:
    """Insert a row of sample values. Returns whether the table has accepted it."""
    checks = {
        check["name"]: check["sqltext"]
        for check in inspect(connection).get_check_constraints(table.name, table.schema)
    }
    # PostgreSQL may reject the row (DBAPIError), and the type of a column may have no sample
    # (KeyError) or no equivalent in Python (NotImplementedError): the test does without the row.
    with suppress(DBAPIError, KeyError, NotImplementedError), connection.begin_nested():
        row = {
            column.name: _sample(column, checks.get(f"ck_{table.name}_{column.name}", ""))
            for column in table.columns
            if column.identity is None and column.computed is None
        }
        connection.execute(table.insert().values(row))
        return True
    return False


def count_rows(connection: Connection) -> dict[str, int]:
    """The number of rows in each table."""
    return {
        table.fullname: connection.scalars(select(func.count()).select_from(table)).one()
        for table in _tables(connection)
    }


def _tables(connection: Connection) -> list[Table]:
    """All tables but Alembic's own, each after the tables that it references."""
    found = MetaData()
    inspector = inspect(connection)
    for schema in {*inspector.get_schema_names()} - {"information_schema"}:
        is_default = schema == inspector.default_schema_name
        found.reflect(
            connection,
            schema=None if is_default else schema,
            only=lambda name, _: name != "alembic_version",
        )
    return found.sorted_tables


def _sample(column: Column[Any], check: str) -> object:
    choices = re.findall(r"'(\w+)'", check)
    if choices:
        return choices[0]
    type_ = column.type.python_type
    if column.foreign_keys:
        reference = next(iter(column.foreign_keys))
        first = select(reference.column).limit(1).scalar_subquery()
        return first if column.nullable else func.coalesce(first, SAMPLES[type_])
    bound = BOUND.search(check)
    if bound is None:
        return SAMPLES[type_]
    return "a" * int(bound[1]) if type_ is str else type_(bound[1])
