"""Copies of the template, created in milliseconds.

One for each worker, on which its tests run in the sandbox, and a fresh one for each test that
commits. All are dropped when the run ends; those of a killed run are dropped by the next run.
"""

import asyncio
import itertools
import re
import shlex
import shutil
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import URL

from dev.databases import catalog
from dev.databases.admin import AdminConnection, result
from dev.databases.catalog import Run
from dev.databases.connections import connect
from dev.databases.server import Server
from dev.databases.template import Template
from dev.postgres import find_installation

MAX_NAME_LENGTH = 63
"""PostgreSQL truncates names that are longer, in bytes."""

CLONES_AHEAD = 2
"""The number of databases that are kept ready for tests that commit."""

DROP_TIMEOUT = 60.0
"""Seconds that the server has to drop the databases of a run when the run ends."""


@dataclass(frozen=True)
class Database:
    """A copy of the template: at the newest migration, with the rows that migrations write."""

    name: str
    url: URL

    async def connect(self, **options: Any) -> asyncpg.Connection:
        """Open a plain asyncpg connection; `options` are asyncpg's."""
        return await connect(self.url, **options)


class DropTimeoutError(Exception):
    """The server has not dropped the databases of a run in time."""

    def __init__(self) -> None:
        super().__init__(
            f"The server did not drop the databases of this run within {DROP_TIMEOUT:g} seconds. "
            "The next run will. What it waits for is in pg_stat_activity."
        )


class Databases:
    """Creates, hands out and drops databases. Its methods can be awaited on any event loop."""

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
        self._clones_to_prepare = committed_tests
        self._numbers = itertools.count(1)
        self._existing: set[str] = set()
        self._ready: deque[Future[Database]] = deque()
        self._kept: set[str] = set()
        self._drops: list[Future[None]] = []

    @property
    def template(self) -> str:
        """The name of the template, which another state of the migrations would change."""
        return self._template.name

    async def clone(self, label: str) -> Database:
        """Create a copy of the template; the label becomes a part of its name."""
        database = self._clone(label)
        self._prepare()
        return await result(database)

    async def take(self) -> Database:
        """Return a copy that was created ahead, so that a test need not wait for it."""
        database = self._ready.popleft() if self._ready else self._clone("committed")
        self._prepare()
        return await result(database)

    async def drop(self, database: Database) -> list[str]:
        """Drop a database in the background, even while it is in use, unless it is kept.

        Returns the last statement of each connection to it that was still open.
        """
        statements = await result(
            self._admin.submit(partial(catalog.open_statements, name=database.name))
        )
        self._drop(database.name)
        return statements

    async def end_backends(self, database: Database, pids: list[int]) -> None:
        """End the server's side of these connections to a database, if it has not ended yet."""
        work = partial(catalog.end_backends, name=database.name, pids=pids)
        await result(self._admin.submit(work))

    async def keep(self, database: Database) -> str:
        """Keep a database until the next run; return the command that opens it."""
        self._kept.add(database.name)
        psql: str | None = None
        if self._server.embedded is not None:
            self._server.embedded.keep_running()
            psql = str(find_installation() / "bin" / "psql")
        url = database.url.set(drivername="postgresql", password=None)
        return shlex.join([shutil.which("psql") or psql or "psql", str(url)])

    async def close(self) -> None:
        """Drop all databases that are left; return when they are gone.

        Raises DropTimeoutError if the server does not end that, so that the run does.
        """
        try:
            async with asyncio.timeout(DROP_TIMEOUT):
                for database in self._ready:
                    await result(database)  # Until it has its comment, it cannot be dropped.
                for name in list(self._existing):
                    self._drop(name)
                for drop in self._drops:
                    await result(drop)
        except TimeoutError:
            raise DropTimeoutError from None

    def _prepare(self) -> None:
        """Start to create what `take` will return."""
        while self._clones_to_prepare > 0 and len(self._ready) < CLONES_AHEAD:
            self._clones_to_prepare -= 1
            self._ready.append(self._clone("committed"))

    def _clone(self, label: str) -> Future[Database]:
        part = re.sub(r"\W+", "_", label.lower())
        number = next(self._numbers)
        name = f"{self._template.name}_{self._run.id}_{self._worker}_{number}_{part}"
        name = name[:MAX_NAME_LENGTH]
        self._existing.add(name)

        async def create(connection: asyncpg.Connection) -> Database:
            try:
                await catalog.create(connection, name, self._run, self._template.name)
            except asyncpg.InvalidCatalogNameError:
                # Another run is replacing the template.
                await self._template.ensure(connection, self._run, rebuild=False)
                await catalog.create(connection, name, self._run, self._template.name)
            return Database(name, self._server.url.set(database=name))

        return self._admin.submit(create)

    def _drop(self, name: str) -> None:
        if name in self._kept:
            return
        self._existing.discard(name)
        self._drops.append(self._admin.submit(partial(catalog.drop, name=name)))
