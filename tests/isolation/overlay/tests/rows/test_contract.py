"""Virtual connections have all that SQLAlchemy and applications call.

A new release of SQLAlchemy or asyncpg that calls or offers more fails here, not somewhere else.
"""

import ast
import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import asyncpg.cursor
import asyncpg.prepared_stmt
import asyncpg.transaction
import pytest
from probe.models import Account
from sqlalchemy import DDL, select, text
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tests.rows.conftest import sandbox_only

from dev.sandbox.connection import SHARED, VirtualConnection
from dev.sandbox.cursor import VirtualCursor
from dev.sandbox.prepared_statement import VirtualPreparedStatement
from dev.sandbox.transaction import VirtualTransaction
from tests.fixtures.engine import Connect

CLASSES = {
    asyncpg.Connection: VirtualConnection,
    asyncpg.transaction.Transaction: VirtualTransaction,
    asyncpg.prepared_stmt.PreparedStatement: VirtualPreparedStatement,
    asyncpg.cursor.Cursor: VirtualCursor,
}

# How the dialect's code names them.
VARIABLES = {
    "_connection": VirtualConnection,
    "asyncpg_connection": VirtualConnection,
    "_transaction": VirtualTransaction,
    "transaction": VirtualTransaction,
    "tr": VirtualTransaction,
    "prepared_stmt": VirtualPreparedStatement,
    "_cursor": VirtualCursor,
}


def used_by_sqlalchemy() -> Iterator[tuple[type, str]]:
    """The class and the name of every attribute that the dialect uses of the driver's objects."""
    for node in ast.walk(ast.parse(inspect.getsource(dialect))):
        if isinstance(node, ast.Attribute):
            match node.value:
                case ast.Name(id=variable) | ast.Attribute(attr=variable) if variable in VARIABLES:
                    yield VARIABLES[variable], node.attr


def offered_by_asyncpg() -> Iterator[tuple[type, str]]:
    for real, fake in CLASSES.items():
        for name in vars(real):
            if not name.startswith("_"):
                yield fake, name


@pytest.fixture(autouse=True)
def clean_start() -> None:
    """Most tests here use no database."""


USED = sorted({(kind.__name__, name) for kind, name in used_by_sqlalchemy()})


def has(kind: type, name: str) -> bool:
    return hasattr(kind, name) or (kind is VirtualConnection and name in SHARED)


def test_the_dialect_was_read() -> None:
    assert len(USED) > 12


@pytest.mark.parametrize(("kind", "name"), sorted(set(used_by_sqlalchemy()), key=str))
def test_what_sqlalchemy_uses_is_there(kind: type, name: str) -> None:
    assert has(kind, name)


@pytest.mark.parametrize(("kind", "name"), sorted(set(offered_by_asyncpg()), key=str))
def test_what_asyncpg_offers_is_there(kind: type, name: str) -> None:
    assert has(kind, name)


def test_arguments_that_asyncpg_takes_are_taken() -> None:
    for real, fake in CLASSES.items():
        for name, method in vars(real).items():
            if name.startswith("_") or not hasattr(fake, name):
                continue
            ours = inspect.signature(getattr(fake, name)).parameters
            takes_any = any(one.kind is one.VAR_KEYWORD for one in ours.values())
            theirs = set(inspect.signature(method).parameters)
            assert takes_any or theirs <= set(ours) | {"record_class"}, (fake, name)


@sandbox_only
async def test_sqlalchemy_uses_every_method_with_success(
    connect: Connect, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make the dialect do everything that it can, and record what it calls."""
    called: Counter[tuple[str, str]] = Counter()

    def note(kind: type, name: str) -> None:
        method = getattr(kind, name)

        def noting(self: Any, *args: Any, **options: Any) -> Any:
            called[kind.__name__, name] += 1
            return method(self, *args, **options)

        monkeypatch.setattr(kind, name, noting)

    for kind, name in set(used_by_sqlalchemy()):
        note(kind, name)

    own = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_pre_ping=True, pool_size=1
    )
    async with own.begin() as connection:
        await connection.execute(select(Account))
        insert = Account.__table__.insert()  # type: ignore[attr-defined]
        await connection.execute(insert, [{"name": "a", "note": ""}, {"name": "b", "note": ""}])
        update = text("UPDATE accounts SET note = :note")
        await connection.execute(update, [{"note": "a"}, {"note": "b"}])
        async for _ in await connection.stream(select(Account)):
            pass
        async with connection.begin_nested():
            await connection.execute(select(Account))
    async with own.connect() as connection:
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT 1/0"))
        await connection.rollback()
        await connection.execute(DDL("CREATE TABLE left_by_sqlalchemy (id int)"))  # type: ignore[no-untyped-call]
        await connection.execute(select(Account))
        await connection.rollback()
    async with own.connect() as connection:
        await connection.invalidate()
    async with own.connect() as connection:
        await connection.execute(select(Account))
    async with own.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        raw.driver_connection.terminate()
        with pytest.raises(DBAPIError):
            await connection.execute(select(Account))
    await own.dispose()
    forced = await connect()
    forced.terminate()  # what SQLAlchemy does when the garbage collector finds a connection
    assert set(USED) - set(called) == set()
