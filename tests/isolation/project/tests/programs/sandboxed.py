"""The executor on trial: virtual connections of the sandbox, within one test."""

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.programs import state
from tests.programs.language import Program, sessions_of
from tests.programs.sessions import Session
from tests.programs.traces import Trace, follow

from dev.databases import Database
from dev.isolation import DatabaseIsolation

PATIENCE = 0.05
"""Seconds after which the sandbox gives up a turn, so that refusals come fast."""

LIMIT = 1.5
"""Seconds after which a step hangs."""

RESTART = """
    SELECT setval('programs.counter', 1, false), setval('programs.tickets_id_seq', 1, false)
"""


@dataclass
class Sandboxed:
    """What became of a program in the sandbox."""

    trace: Trace
    tables: dict[str, object] | None
    """What is in the tables when all connections are closed."""

    findings: list[str]
    left: str
    """What the next test finds that should not be there."""


class SandboxExecutor:
    def __init__(self, isolation: DatabaseIsolation, database: Database) -> None:
        self._isolation = isolation
        self._database = database
        self._clean: dict[str, object] = {}
        self._pid = 0

    async def open(self) -> None:
        self._isolation.sandbox.patience = PATIENCE
        self._clean = await self._look()

    async def run(self, program: Program, leader: Trace) -> Sandboxed:
        """Run a program in the order of events of a real run, as one test."""
        await self._outside(RESTART)
        await self._isolation.enter_sandbox("the program")
        trace, tables = await self._run(program, leader)
        findings, _ = await self._isolation.leave_sandbox(failed=False, keep=False)
        try:
            left = state.differences(self._clean, await asyncio.wait_for(self._look(), LIMIT))
        except Exception as error:  # noqa: BLE001
            left = f"{type(error).__name__}: {error}"
        if left:
            await self._replace_database()
        return Sandboxed(trace, tables, findings, left)

    async def _run(
        self, program: Program, leader: Trace
    ) -> tuple[Trace, dict[str, object] | None]:
        sessions = {number: Session(self._connect, _disconnect) for number in sessions_of(program)}
        for session in sessions.values():
            await session.open()
        trace = await follow(program, sessions, leader, LIMIT)
        try:
            return trace, await asyncio.wait_for(self._tables(), LIMIT)
        except (Exception, TimeoutError):  # noqa: BLE001
            return trace, None

    async def _tables(self) -> dict[str, object]:
        connection = await self._connect()
        found = await state.tables(connection)
        await connection.close()
        return found

    async def _look(self) -> dict[str, object]:
        """What a test finds when it begins."""
        await self._isolation.enter_sandbox("the next test")
        try:
            connection = await self._connect()
            name = await connection.fetchval("SELECT current_database()")
            self._pid = await connection.fetchval("SELECT pg_backend_pid()")
            self._database = Database(name, self._database.url.set(database=name))
            found = await state.tables(connection) | await state.session(connection)
            await connection.close()
        finally:
            findings, _ = await self._isolation.leave_sandbox(failed=False, keep=False)
        return found | {"findings": findings}

    async def _replace_database(self) -> None:
        """Let the sandbox begin on another database, which it does when it has lost its own."""
        await self._outside(f"SELECT pg_terminate_backend({self._pid})")
        await self._isolation.enter_sandbox("the end of the connection")
        self._isolation.sandbox.physical.lose(RuntimeError("the machine has ended it"))
        await self._isolation.leave_sandbox(failed=False, keep=False)
        left = state.differences(self._clean, await self._look())
        assert not left, f"a new database begins with {left}"

    async def _outside(self, sql: str) -> None:
        connection = await self._database.connect()
        await connection.execute(sql)
        await connection.close()

    async def _connect(self) -> Any:
        return await self._isolation.connect()


async def _disconnect(connection: Any) -> None:
    connection.terminate()
