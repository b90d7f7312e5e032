"""Migrations work in both directions and keep existing rows.

That they match the models is compared before the first test: see `tests/fixtures/databases.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from dev.databases import Database, Databases
from dev.databases.template import explain_branches
from tests.integration.sample_rows import count_rows, insert_sample_rows

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
COLUMNS = """
    SELECT table_schema, table_name, column_name FROM information_schema.columns
    WHERE table_schema NOT IN ('information_schema', 'pg_catalog')
    ORDER BY table_schema, table_name, column_name
"""


def config(database: Database | None = None) -> Config:
    config = Config(toml_file=ROOT / "pyproject.toml")
    if database is not None:
        config.attributes["url"] = database.url.render_as_string(hide_password=False)
    return config


def revisions() -> list[Script]:
    """All revisions, each after those that it builds on."""
    return [*ScriptDirectory.from_config(config()).walk_revisions()][::-1]


async def upgrade(database: Database, revision: str) -> None:
    await asyncio.to_thread(command.upgrade, config(database), revision)


async def downgrade(database: Database, revision: str) -> None:
    await asyncio.to_thread(command.downgrade, config(database), revision)


async def revert(database: Database, revision: Script) -> None:
    """Downgrade this revision alone: `alembic downgrade -1` is ambiguous where branches meet."""
    settings = config(database)
    scripts = ScriptDirectory.from_config(settings)
    step = MigrationStep.downgrade_from_script(scripts.revision_map, revision)
    with EnvironmentContext(settings, scripts, fn=lambda *_: [step]):
        await asyncio.to_thread(scripts.run_env)


async def execute(database: Database, statement: str) -> list[asyncpg.Record]:
    """Execute and commit a statement; return its rows."""
    connection = await database.connect()
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
    finally:
        await connection.close()
    return rows


async def run_sync(database: Database, work: Callable[[Connection], T]) -> T:
    """Call `work` with a synchronous connection, in a transaction."""
    engine = create_async_engine(database.url, poolclass=NullPool)
    async with engine.begin() as connection:
        return await connection.run_sync(work)


@pytest.fixture
async def migrated(databases: Databases) -> AsyncIterator[Database]:
    """A database for this test only, at the newest revision."""
    database = await databases.clone("migrations")
    yield database
    await databases.drop(database)


def test_there_is_a_single_head() -> None:
    scripts = ScriptDirectory.from_config(config())
    branches = explain_branches(scripts, ROOT)
    if branches:
        pytest.fail(branches, pytrace=False)


async def test_every_revision_goes_down_and_up_again(migrated: Database) -> None:
    await downgrade(migrated, "base")
    for revision in revisions():
        name = revision.revision
        before = await execute(migrated, COLUMNS)
        await upgrade(migrated, name)
        after = await execute(migrated, COLUMNS)
        await revert(migrated, revision)
        assert await execute(migrated, COLUMNS) == before, f"after the downgrade of {name}"
        await upgrade(migrated, name)
        assert await execute(migrated, COLUMNS) == after, f"after the second upgrade to {name}"


if len(revisions()) > 1:  # The first revision has no rows to lose.

    async def test_the_newest_revision_loses_no_row(migrated: Database) -> None:
        """Unless PostgreSQL refuses it because of the rows, as it refuses a new column that is not
        null and has no default: then nothing has changed."""
        await revert(migrated, revisions()[-1])
        await run_sync(migrated, insert_sample_rows)
        before = await run_sync(migrated, count_rows)
        with suppress(DBAPIError):
            await upgrade(migrated, "head")
        after = await run_sync(migrated, count_rows)
        kept = before.keys() & after.keys()
        assert {table: after[table] for table in kept if after[table] < before[table]} == {}


# Your own tests go below this line; tests/README.md shows one of what a migration does to rows.
