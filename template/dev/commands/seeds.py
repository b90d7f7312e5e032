"""The seeds of the development database: rows that `uv run dev` writes once, if there are any."""

import asyncio
from pathlib import Path
from pkgutil import resolve_name

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from dev.commands.project import Project

IS_SEEDED = text("""
    SELECT shobj_description(oid, 'pg_database') = 'seeded' FROM pg_database
    WHERE datname = current_database()
""")
NOTE_SEEDED = text("""
    DO $$ BEGIN
        EXECUTE format('COMMENT ON DATABASE %I IS ''seeded''', current_database());
    END $$
""")


def seeds_file(project: Project) -> Path:
    """Where the seeds are, unless the project has none."""
    module = project.seeds.partition(":")[0]
    return project.folder.joinpath(*module.split(".")).with_suffix(".py")


def load_seeds(project: Project, url: str) -> bool:
    """Call the function that writes the seeds, in one transaction; return whether it was called.

    A comment of the database says that it has been. Raises what the function raises.
    """
    return seeds_file(project).exists() and asyncio.run(_load(project, url))


async def _load(project: Project, url: str) -> bool:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with AsyncSession(engine) as session, session.begin():
            if await session.scalar(IS_SEEDED):
                return False
            await resolve_name(project.seeds)(session)
            await session.execute(NOTE_SEEDED)
            return True
    finally:
        await engine.dispose()
