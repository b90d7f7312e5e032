"""A server for these tests alone, and small projects with migrations."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import URL

from app.database import asyncpg_url
from dev import postgres
from dev.databases.connections import connect

ENVIRONMENT = """
import asyncio

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine


def migrate(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(context.config.attributes["url"])
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


asyncio.run(main())
"""

MIGRATION = """
import uuid
from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    Path({path!r}, f"ran-{{uuid.uuid4()}}").touch()
"""


class Project:
    """A folder with one migration that counts how often it runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("pyproject.toml", '[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
        self.write("migrations/env.py", ENVIRONMENT)
        self.migrate("op.execute('CREATE TABLE items (id int)')")

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def migrate(self, *statements: str) -> None:
        """Replace the body of the migration by these Python statements."""
        body = "".join(f"    {statement}\n" for statement in statements)
        self.write("migrations/versions/0001.py", MIGRATION.format(path=str(self.path)) + body)

    def migrations_run(self) -> int:
        return len(list(self.path.glob("ran-*")))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[URL]:
    embedded = postgres.start_ephemeral()
    try:
        embedded.wait_until_ready()
        yield asyncpg_url(embedded.url)
    finally:
        embedded.stop()


@pytest.fixture
async def connection(server: URL) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(server)
    yield connection
    await connection.close()
