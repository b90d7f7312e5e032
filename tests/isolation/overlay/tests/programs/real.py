"""The executor that is always right: independent connections to a database, and real commits."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
from tests.programs.language import Program, sessions_of
from tests.programs.sessions import Session
from tests.programs.state import State, tables
from tests.programs.traces import Trace, lead

from dev.databases import Database

SCRIPTS = Path("migrations/programs")
TABLES = (SCRIPTS / "tables.sql").read_text(encoding="utf-8")
ROWS = (SCRIPTS / "rows.sql").read_text(encoding="utf-8")
WAITING = "SELECT pid, pg_blocking_pids(pid) AS blocking FROM unnest($1::int[]) AS t(pid)"


class RealExecutor:
    def __init__(
        self, database: Database, monitor: asyncpg.Connection, options: dict[str, Any]
    ) -> None:
        self._database = database
        self._monitor = monitor
        self._turn = asyncio.Lock()  # of those who use the monitor
        self._options = options
        self._schema: object = None

    async def run(self, program: Program) -> tuple[Trace, State]:
        """Run a program; return what happened, and what is in the tables afterwards."""
        await self._restore()
        numbers = sessions_of(program)
        disconnect = self._disconnect
        sessions = {n: Session(self._connect, disconnect, forget=disconnect) for n in numbers}
        await asyncio.gather(*(session.open() for session in sessions.values()))

        async def all_wait(numbers: set[int]) -> bool:
            return await self._all_wait([sessions[number].connection for number in numbers])

        trace = await lead(program, sessions, all_wait)
        return trace, await tables(self._monitor)

    async def _restore(self) -> None:
        if self._schema is None or self._schema != (await tables(self._monitor))["schema"]:
            await self._monitor.execute(TABLES)
        await self._monitor.execute(ROWS)
        self._schema = (await tables(self._monitor))["schema"]

    async def _all_wait(self, connections: list[asyncpg.Connection]) -> bool:
        """Whether all wait for locks, and not for each other, which PostgreSQL would soon end."""
        if any(connection.is_closed() for connection in connections):
            return False
        pids = [connection.get_server_pid() for connection in connections]
        found = await self._ask(WAITING, pids)
        blocking = {row["pid"]: set(row["blocking"]) for row in found}
        return all(blocking.values()) and not any(_waits_for_itself(pid, blocking) for pid in pids)

    async def _connect(self) -> asyncpg.Connection:
        settings = {**self._options.get("server_settings", {}), "deadlock_timeout": "10ms"}
        return await self._database.connect(**{**self._options, "server_settings": settings})

    async def _disconnect(self, connection: asyncpg.Connection) -> None:
        """Close a connection at once, and wait until the server has noticed."""
        pid = None if connection.is_closed() else connection.get_server_pid()
        if pid is not None:
            connection.terminate()
            await self._gone(pid)

    async def _gone(self, pid: int) -> None:
        await self._ask("SELECT pg_terminate_backend($1)", pid)
        while await self._ask("SELECT 1 FROM pg_stat_activity WHERE pid = $1", pid):
            await asyncio.sleep(0.002)

    async def _ask(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with self._turn:
            rows: list[asyncpg.Record] = await self._monitor.fetch(sql, *arguments)
        return rows


def _waits_for_itself(pid: int, blocking: dict[int, set[int]]) -> bool:
    reached: set[int] = set()
    new = blocking[pid]
    while new:
        reached |= new
        new = set().union(*(blocking.get(other, set()) for other in new)) - reached
    return pid in reached
