"""The executor on trial: virtual connections of the sandbox, within one test."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.programs import state
from tests.programs.language import Program, sessions_of
from tests.programs.sessions import Session
from tests.programs.state import State
from tests.programs.traces import Trace, follow, lead

from dev.databases import Database, Databases
from dev.isolation import DatabaseIsolation

PATIENCE = 0.05
"""Seconds after which the sandbox gives up a turn, so that refusals come fast."""

LONG_PATIENCE = 0.3
"""The same for sessions that run freely, and so give up their turns by themselves."""

SLOW = 0.05
"""Seconds after which a step waits for a turn, if nobody tells whether it should."""

LIMIT = 1.5
"""Seconds after which something hangs."""

SLOWLY = 10
"""How much longer all of these are in a run that is to tell a busy machine from a third thing."""

RESTART = """
    SELECT setval('programs.counter', 1, false), setval('programs.tickets_id_seq', 1, false)
"""


@dataclass
class Sandboxed:
    """What became of a program in the sandbox."""

    trace: Trace
    tables: State | None
    """What is in the tables when all connections are closed, if that can be read."""

    findings: list[str]
    left: str
    """What the next test finds that should not be there."""


class SandboxExecutor:
    """Runs programs, each as a test of its own, in one sandbox for as long as that stays clean."""

    def __init__(
        self, databases: Databases, make_isolation: Callable[[Database], DatabaseIsolation]
    ) -> None:
        self._databases = databases
        self._make_isolation = make_isolation
        self._task_factory = asyncio.get_running_loop().get_task_factory()
        self._isolation: DatabaseIsolation
        self._database: Database
        self._clean: State = {}
        self._slowness = 1

    async def open(self) -> None:
        self._database = await self._databases.clone("programs")
        self._isolation = self._make_isolation(self._database)
        await self._isolation.open()
        self._clean = await self._look()

    async def close(self) -> None:
        """Close the sandbox, in whatever state it is."""
        with suppress(Exception):
            await asyncio.wait_for(self._isolation.close(), LIMIT)
        asyncio.get_running_loop().set_task_factory(self._task_factory)
        await self._databases.drop(self._database)

    async def run(
        self, program: Program, leader: Trace | None, *, slowly: bool = False
    ) -> Sandboxed:
        """Run a program as one test: in the order of events of a real run, or freely."""
        self._slowness = SLOWLY if slowly else 1
        patience = LONG_PATIENCE if leader is None else PATIENCE
        self._isolation.sandbox.turns.writer_timeout = patience * self._slowness
        await self._restart_sequences()
        await self._enter("the program")
        trace, tables = await self._run(program, leader)
        findings: list[str] = []
        try:
            findings = await asyncio.wait_for(self._leave(), LIMIT * self._slowness)
            found = await asyncio.wait_for(self._look(), LIMIT * self._slowness)
            left = state.differences(self._clean, found)
        except Exception as error:
            left = f"{type(error).__name__}: {error}"
        if left:
            await self.close()
            await self.open()
        return Sandboxed(trace, tables, findings, left)

    async def _restart_sequences(self) -> None:
        """Outside the sandbox, whose rollback does not undo it."""
        connection = await self._database.connect()
        await connection.execute(RESTART)
        await connection.close()

    async def _run(self, program: Program, leader: Trace | None) -> tuple[Trace, State | None]:
        numbers = sessions_of(program)
        sessions = {n: Session(self._connect, _disconnect, forget=_forget) for n in numbers}
        for session in sessions.values():
            await session.open()
        if leader is not None:
            trace = await follow(program, sessions, leader, LIMIT * self._slowness)
        else:
            slow, limit = SLOW * self._slowness, LIMIT * self._slowness
            trace = await lead(program, sessions, _wait_if_slow, at_once=slow, give_up=limit)
        tables = None
        with suppress(Exception):
            connection = await self._connect()
            tables = await asyncio.wait_for(state.tables(connection), LIMIT * self._slowness)
            await connection.close()
        return trace, tables

    async def _look(self) -> State:
        """What a test finds when it begins."""
        await self._enter("the next test")
        try:
            connection = await self._connect()
            found = await state.everything(connection)
            name = await connection.fetchval("SELECT current_database()")
            await connection.close()
        finally:
            findings = await self._leave()
        if name != self._database.name:  # the sandbox has replaced it
            self._database = Database(name, self._database.url.set(database=name))
        return found | {"findings": [{"finding": finding} for finding in findings]}

    async def _enter(self, test: str) -> None:
        await self._isolation.start_app()
        self._isolation.enter(test, committed=False)

    async def _leave(self) -> list[str]:
        # `leave` itself runs the event loop, which is running here.
        outcome = await self._isolation._leave(failed=False, keep=False)  # noqa: SLF001
        return outcome.findings

    async def _connect(self) -> Any:
        return await self._isolation.connect()


async def _disconnect(connection: Any) -> None:
    connection.terminate()


async def _forget(_: Any) -> None:
    """The connection is garbage from now on."""


async def _wait_if_slow(_: set[int]) -> bool:
    return True
