"""Runs migrations, on the database of the first URL that is set:

- `config.attributes["url"]`, for callers in Python
- DATABASE_URL
- the URL of the development server, so that `uv run alembic ...` works without a database server.
"""

import asyncio
import sys
import time
from typing import Any

from alembic import context
from pydantic import SecretStr
from sqlalchemy import Connection, func, select

import app.resources  # noqa: F401  (fills Base.metadata)
from app.database import create_engine
from app.models import Base
from app.settings import DatabaseSettings
from migrations import checks, downgrades

# Fail rather than wait for a lock: while a migration waits, requests queue behind it.
SERVER_SETTINGS = {"application_name": "alembic", "lock_timeout": "5s"}

ADVISORY_LOCK = int.from_bytes(b"alembic", "big")
"""Held by the one that migrates a database."""


def migrate(**options: Any) -> None:
    context.configure(
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_server_default=True,
        autogenerate_plugins=["alembic.autogenerate.*", checks.PLUGIN],
        process_revision_directives=downgrades.advise,
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()


def wait_for_turn(connection: Connection) -> None:
    """Wait while another process migrates this database; the turn ends with the connection.

    It asks again and again: one that waits in PostgreSQL is in a transaction, whose end CREATE
    INDEX CONCURRENTLY of the other one would wait for.
    """
    is_told = False
    while not connection.scalar(select(func.pg_try_advisory_lock(ADVISORY_LOCK))):
        connection.rollback()
        if not is_told:
            context.config.print_stdout("Waiting for another process that migrates this database.")
            sys.stdout.flush()  # for whoever reads the log meanwhile
            is_told = True
        time.sleep(0.2)
    connection.commit()  # migrations begin transactions of their own


def migrate_on(connection: Connection) -> None:
    wait_for_turn(connection)
    migrate(connection=connection)


async def migrate_online(settings: DatabaseSettings) -> None:
    connect_args = {
        "timeout": settings.database_connect_timeout,
        "server_settings": SERVER_SETTINGS,
    }
    engine = create_engine(settings, connect_args=connect_args)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate_on)
    finally:
        await engine.dispose()


def main() -> None:
    # A migration may take longer than the timeouts that the service sets for a pooler.
    settings = DatabaseSettings().model_copy(update={"database_pooler": None})
    url = context.config.attributes.get("url")
    if url is not None:
        settings = settings.model_copy(update={"database_url": SecretStr(url)})
    if context.is_offline_mode():
        migrate(url="postgresql+asyncpg://", literal_binds=True)
    elif settings.database_url is not None:
        asyncio.run(migrate_online(settings))
    else:
        # Imported here because production does not install it.
        from dev.commands.database import development_database  # noqa: PLC0415

        with development_database() as url:
            settings = settings.model_copy(update={"database_url": SecretStr(url)})
            asyncio.run(migrate_online(settings))


main()
