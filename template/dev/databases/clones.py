"""Databases for tests: copies of the template, made in milliseconds.

One for each worker, on which its tests run in the sandbox, and a fresh one for each test that
commits. All are gone when the run ends; what a killed run leaves is dropped by the next.
"""

import asyncio
import itertools
import re
import shlex
import shutil
import tomllib
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import URL

from dev.databases import catalog
from dev.databases.admin import AdminConnection
from dev.databases.catalog import Run
from dev.databases.connections import connect
from dev.databases.servers import Server
from dev.databases.template import Template, fingerprint
from dev.postgres import find_installation

T = TypeVar("T")

NAME_LENGTH = 63
"""Bytes; PostgreSQL cuts longer names."""

CLONES_AHEAD = 2
"""How many databases wait ready for tests that commit."""


@dataclass(frozen=True)
class Database:
    """A database of its own, at the newest migration, with the reference data."""

    name: str
    url: URL

    async def connect(self, **options: Any) -> asyncpg.Connection:
        """Open a plain asyncpg connection; `options` are asyncpg's."""
        return await connect(self.url, **options)


class Databases:
    """Makes, hands out and drops databases; its methods can be awaited on any event loop."""

    def __init__(
        self,
        server: Server,
        admin: AdminConnection,
        template: Template,
        run: Run,
        worker: str,
        committed_tests: int,
    ) -> None:
        self._server = server
        self._admin = admin
        self._template = template
        self._run = run
        self._worker = worker
        self._to_prepare = committed_tests
        self._numbers = itertools.count(1)
        self._existing: set[str] = set()
        self._ready: deque[Future[Database]] = deque()
        self._kept: set[str] = set()
        self._drops: list[Future[None]] = []

    async def clone(self, label: str) -> Database:
        """Make a copy of the template; the label becomes a part of its name."""
        database = self._clone(label)
        self._prepare()
        return await finished(database)

    async def take(self) -> Database:
        """A copy that was made ahead, so that a test need not wait for it."""
        database = self._ready.popleft() if self._ready else self._clone("committed")
        self._prepare()
        return await finished(database)

    async def drop(self, database: Database) -> list[str]:
        """Drop a database, in the background and by force, unless it is to be kept.

        Returns the last statement of every connection to it that was still open.
        """
        statements = await finished(
            self._admin.submit(partial(catalog.open_statements, name=database.name))
        )
        self._drop(database.name)
        return statements

    async def end_backends(self, database: Database, pids: list[int]) -> None:
        """End the server's side of these connections to a database, if it has not ended yet."""
        work = partial(catalog.end_backends, name=database.name, pids=pids)
        await finished(self._admin.submit(work))

    async def keep(self, database: Database) -> str:
        """Keep a database when the run ends, until the next run; return how to open it."""
        self._kept.add(database.name)
        program: str | None = None
        if self._server.embedded is not None:
            self._server.embedded.request_keeping()
            program = str(find_installation() / "bin" / "psql")
        url = database.url.set(drivername="postgresql", password=None)
        return shlex.join([shutil.which("psql") or program or "psql", str(url)])

    async def close(self) -> None:
        """Drop what is left; return when all is gone."""
        for database in self._ready:
            await finished(database)  # One that is half made cannot be told from somebody else's.
        for name in list(self._existing):
            self._drop(name)
        for drop in self._drops:
            await finished(drop)

    def _prepare(self) -> None:
        """Begin to make what `take` will hand out."""
        while self._to_prepare > 0 and len(self._ready) < CLONES_AHEAD:
            self._to_prepare -= 1
            self._ready.append(self._clone("committed"))

    def _clone(self, label: str) -> Future[Database]:
        part = re.sub(r"\W+", "_", label.lower())
        number = next(self._numbers)
        name = f"{self._template.name}_{self._run.id}_{self._worker}_{number}_{part}"[:NAME_LENGTH]
        self._existing.add(name)

        async def work(connection: asyncpg.Connection) -> Database:
            try:
                await catalog.create(connection, name, self._run, self._template.name)
            except asyncpg.InvalidCatalogNameError:
                # Another run has just replaced the template.
                await self._template.ensure(connection, self._run, rebuild=False)
                await catalog.create(connection, name, self._run, self._template.name)
            return Database(name, self._server.url.set(database=name))

        return self._admin.submit(work)

    def _drop(self, name: str) -> None:
        if name in self._kept:
            return
        self._existing.discard(name)
        self._drops.append(self._admin.submit(partial(catalog.drop, name=name)))


async def finished(future: Future[T]) -> T:
    """The result of work in the administration thread, which goes on if the waiter is cancelled."""
    if future.done():
        return future.result()
    return await asyncio.shield(asyncio.wrap_future(future))


@asynccontextmanager
async def open_databases(
    server: Server, project: Path, *, worker: str, committed_tests: int, rebuild: bool
) -> AsyncIterator[Databases]:
    """The databases of one worker; all of them are gone when the block ends.

    The first use builds the template, if no earlier run has; `rebuild` demands one that was built
    in this very run. `committed_tests` says how many databases are going to be taken. Raises
    TemplateError or catalog.ForeignDatabaseError.
    """
    run = Run(project_name(project), server.run)
    with closing(AdminConnection(server.url, run.application_name)) as admin:
        work = partial(_prepare_template, server=server, project=project, run=run, rebuild=rebuild)
        template = await finished(admin.submit(work))
        databases = Databases(server, admin, template, run, worker, committed_tests)
        yield databases
        await databases.close()


async def _prepare_template(
    connection: asyncpg.Connection, server: Server, project: Path, run: Run, *, rebuild: bool
) -> Template:
    """Clean up after crashed runs, and see to it that the template exists."""
    await catalog.sweep(connection, run.project)
    name = f"{run.project}_{await fingerprint(connection, project)}"
    template = Template(name, server.url, project)
    built = await template.ensure(connection, run, rebuild=rebuild)
    if built and server.embedded is not None:
        # The server is this run's alone; only the newest template is worth saving.
        await catalog.drop_templates(connection, run.project, keep=name)
        server.embedded.request_snapshot()
    return template


def project_name(project: Path) -> str:
    """The project's name, as a part of names of databases."""
    with (project / "pyproject.toml").open("rb") as file:
        name: str = tomllib.load(file)["project"]["name"]
    return re.sub(r"\W+", "_", name.lower())[:16]
