"""The machine, on a database for each of its executors."""

from collections.abc import AsyncIterator

import pytest
from tests.programs.machine import Machine
from tests.programs.real import RealExecutor
from tests.programs.sandboxed import SandboxExecutor

from app.database import create_engine
from app.settings import Settings
from dev.databases import Database, Databases
from dev.isolation import DatabaseIsolation, connect_options


@pytest.fixture(scope="session")
async def machine(
    settings: Settings,
    databases: Databases,
    worker_database: Database,
    isolation: DatabaseIsolation,
) -> AsyncIterator[Machine]:
    database = await databases.clone("programs")
    monitor = await database.connect()
    options = await connect_options(create_engine(settings))
    sandbox = SandboxExecutor(isolation, worker_database)
    await sandbox.open()
    yield Machine(RealExecutor(database, monitor, options), sandbox)
    await monitor.close()
    await databases.drop(database)
