"""Writes the outcome of every test to a file, for the tests of the template to read."""

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import Sessionmaker, create_sessionmaker

FOUND = (
    "SELECT 'account ' || name FROM accounts "
    "UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relname LIKE 'left%'"
)
outcomes: dict[str, dict[str, tuple[str, str]]] = {}


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessionmaker:
    return create_sessionmaker(engine)


@pytest.fixture
async def clean(db_session: AsyncSession) -> None:
    found = (await db_session.scalars(text(FOUND))).all()
    assert not found, "an earlier test has left something behind"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.rpartition("::")[2]
    outcomes.setdefault(name, {})[report.when or ""] = report.outcome, report.longreprtext


def pytest_sessionfinish() -> None:
    if "OUTCOMES" in os.environ:
        Path(os.environ["OUTCOMES"]).write_text(json.dumps(outcomes))
