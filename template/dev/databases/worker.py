"""The databases of one worker, from preparing the template to dropping the last copy."""

import re
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import asyncpg

from dev.databases import catalog
from dev.databases.admin import AdminConnection, result
from dev.databases.catalog import Run
from dev.databases.clones import Databases
from dev.databases.server import Server
from dev.databases.template import Template, fingerprint


@asynccontextmanager
async def open_databases(
    server: Server, project: Path, *, worker: str, committed_tests: int, rebuild: bool
) -> AsyncIterator[Databases]:
    """The databases of one worker; all of them are gone when the block ends.

    The first use builds the template, unless an earlier run has; with `rebuild`, that of an earlier
    run does not count. `committed_tests` is the number of databases that tests will take. Raises
    TemplateError or catalog.ForeignDatabaseError.
    """
    run = Run(project_name(project), server.run)
    with closing(AdminConnection(server.url, run.application_name)) as admin:
        job = partial(_prepare_template, server=server, project=project, run=run, rebuild=rebuild)
        template = await result(admin.submit(job))
        databases = Databases(server, admin, template, run, worker, committed_tests)
        yield databases
        await databases.close()


async def _prepare_template(
    connection: asyncpg.Connection, server: Server, project: Path, run: Run, *, rebuild: bool
) -> Template:
    """Clean up after crashed runs, and make sure that the template exists."""
    await catalog.sweep(connection, run.project)
    name = f"{run.project}_{await fingerprint(connection, project)}"
    template = Template(name, server.url, project)
    built = await template.ensure(connection, run, rebuild=rebuild)
    if built and server.embedded is not None:
        # No other run uses this server, and only the newest template is worth saving.
        await catalog.drop_templates(connection, run.project, keep=name)
        server.embedded.request_snapshot()
    return template


def project_name(project: Path) -> str:
    """The project's name, as a part of the names of databases."""
    with (project / "pyproject.toml").open("rb") as file:
        name: str = tomllib.load(file)["project"]["name"]
    return re.sub(r"\W+", "_", name.lower())[:16]
