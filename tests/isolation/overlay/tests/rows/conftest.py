"""What the tests of the sandbox share."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from probe.models import Account
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import Sessionmaker, create_sessionmaker
from dev.plugin import all_committed

Names = Callable[[], Awaitable[list[str]]]


F = TypeVar("F", bound=Callable[..., object])


def sandbox_only(test: F) -> F:
    """Mark a test of what the sandbox cannot do, which makes no sense with real commits."""
    test.sandbox_only = True  # type: ignore[attr-defined]
    return test


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessionmaker:
    """Sessions as the application makes them."""
    return create_sessionmaker(engine)


@pytest.fixture
def names(db_session: AsyncSession) -> Names:
    """The names of all accounts that are committed."""

    async def names() -> list[str]:
        query = select(Account.name).order_by(Account.id)
        return list((await db_session.scalars(query)).all())

    return names


@pytest.fixture(autouse=True)
async def clean_start(db_session: AsyncSession) -> None:
    """Check that no earlier test has left anything behind."""
    rows = """
        SELECT 'account ' || name FROM accounts
        UNION ALL SELECT 'post ' || title FROM posts
        UNION ALL SELECT 'entry ' || account FROM ledger.entries
        UNION ALL SELECT 'pair ' || id FROM pairs
        UNION ALL SELECT 'advisory lock ' || objid FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid()
        UNION ALL SELECT 'prepared ' || name FROM pg_prepared_statements WHERE from_sql
        UNION ALL SELECT 'table ' || relname FROM pg_class
            WHERE relname LIKE 'left%' AND relkind = 'r'
    """
    left = (await db_session.scalars(text(rows))).all()
    assert not left, "an earlier test has left something behind"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of what the sandbox cannot do, if all run with real commits."""
    if all_committed(config):
        items[:] = [item for item in items if not _is_sandbox_only(item)]


def _is_sandbox_only(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and hasattr(item.function, "sandbox_only")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--loop", choices=("asyncio", "uvloop"), default="asyncio")


def pytest_asyncio_loop_factories(
    config: pytest.Config,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    name = config.getoption("--loop")
    return {name: importlib.import_module(name).new_event_loop}
