"""The machine, on a database for each of its executors."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.programs.machine import Machine
from tests.programs.real import RealExecutor
from tests.programs.sandboxed import SandboxExecutor

from app.database import create_engine
from app.settings import Settings
from dev.databases import Database, Databases
from dev.isolation import DatabaseIsolation, connect_options


@pytest.fixture(scope="session")
async def machine(settings: Settings, databases: Databases) -> AsyncIterator[Machine]:
    # What waits is ended by a program, and by no timeout while the machine is busy.
    patient = {"database_lock_timeout": 600, "database_statement_timeout": 600}
    make_engine = partial(create_engine, settings.model_copy(update=patient))

    def make_app(_: AsyncEngine) -> FastAPI:
        return FastAPI()

    def make_isolation(database: Database) -> DatabaseIsolation:
        return DatabaseIsolation(make_engine, make_app, databases, database)

    database = await databases.clone("programs")
    monitor = await database.connect()
    sandbox = SandboxExecutor(databases, make_isolation)
    await sandbox.open()
    real = RealExecutor(database, monitor, await connect_options(make_engine()))
    yield Machine(real, sandbox)
    await sandbox.close()
    await monitor.close()
    await databases.drop(database)
