"""Projects for `uv run dev`."""

from collections.abc import Iterator

import pytest

from tests.harness.project import Project
from tests.harness.servers import Server, embedded, server
from tests.harness.service import remove_development_database
from tests.harness.template import git

CREATE_DATABASE = """
import asyncio, os, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("DROP DATABASE IF EXISTS own")
    await connection.execute("CREATE DATABASE own")
    await connection.close()

asyncio.run(main())
"""


@pytest.fixture(scope="session")
def installed(default_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of this worker's own. `dev` runs the code of the project that is installed."""
    target = tmp_path_factory.mktemp("development") / "a service"
    git(target.parent, "clone", "--quiet", str(default_project.path), str(target))
    return Project(target).install(like=default_project)


@pytest.fixture
def own_project(installed: Project) -> Iterator[Project]:
    """A project that a test may change, without a development database."""
    with installed.restored() as project:
        yield project
        remove_development_database(project)


@pytest.fixture(scope="session")
def postgres(default_project: Project) -> Iterator[Server]:
    with server(embedded(default_project.venv)) as found:
        default_project.alembic("upgrade", "head", DATABASE_URL=found.url)
        yield found


@pytest.fixture
def own_database(default_project: Project, postgres: Server) -> str:
    """The URL of an empty database."""
    default_project.python(CREATE_DATABASE, DATABASE_URL=postgres.url)
    return postgres.url.removesuffix("postgres") + "own"
