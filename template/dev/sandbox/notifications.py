"""LISTEN and NOTIFY between virtual connections.

PostgreSQL delivers notifications at a real COMMIT, which never comes here. So they are written down
in a parameter, which is rolled back as everything else is, and a virtual commit delivers what it
finds there. Those of triggers, too: from the first LISTEN on, `pg_notify` is a function that writes
them down. While nobody listens, none of this happens.
"""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextvars import copy_context
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import asyncpg

from dev.sandbox.errors import COMMITTED
from dev.sandbox.physical import COMMIT, KEEP, PhysicalConnection, to_the_end
from dev.sandbox.sql import unquoted
from dev.sandbox.statements import Statement
from dev.sandbox.tasks import AnyTask, call_soon, goes_on_in, owning_task

T = TypeVar("T")
Operation = Callable[[asyncpg.Connection], Awaitable[T]]

WRITE_DOWN = """
    pg_catalog.set_config(
        'tests_sandbox.notifications',
        coalesce(pg_catalog.current_setting('tests_sandbox.notifications', true), '')
            || pg_catalog.json_build_array({entry})::text || E'\\n',
        true
    )
"""
WRITTEN = "SELECT current_setting('tests_sandbox.notifications', true)"
CLEAR = f"SET LOCAL tests_sandbox.notifications = ''; {COMMIT}"

# PostgreSQL calls its own functions by their numbers: to replace one, it has to lose its name.
# DISCARD PLANS makes prepared statements and functions look the name up again.
CAPTURE = f"""
    DO $capture$ BEGIN
        IF current_setting('is_superuser') = 'on'
            AND to_regprocedure('pg_catalog.tests_sandbox_notify(text, text)') IS NULL
        THEN
            ALTER FUNCTION pg_catalog.pg_notify(text, text) RENAME TO tests_sandbox_notify;
            CREATE FUNCTION pg_catalog.pg_notify(text, text) RETURNS void
            LANGUAGE plpgsql PARALLEL UNSAFE AS $notify$ BEGIN
                PERFORM pg_catalog.tests_sandbox_notify($1, $2);  -- it checks the arguments
                PERFORM {WRITE_DOWN.format(entry="'notify', $1, coalesce($2, '')")};
            END $notify$;
        END IF;
    END $capture$;
    DISCARD PLANS
"""

# Functions that notify without `pg_notify`, or by its number (3036), and the tables that have
# triggers which call them.
UNHEARD = r"""
    WITH functions AS (
        SELECT pg_proc.oid, proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
        WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND (
            prosrc ~* '(^|;|''|\$|\m(begin|then|else|loop))\s*notify\s+[\w"%]'
            OR prosqlbody::text ~ ':funcid 3036 '
            OR current_setting('is_superuser') = 'off' AND prosrc ~* '\mpg_notify\M'
        )
    )
    SELECT proname AS name FROM functions
    UNION SELECT relname FROM pg_class JOIN pg_trigger ON tgrelid = pg_class.oid
        JOIN functions ON functions.oid = tgfoid
    UNION SELECT 'pg_notify' WHERE current_setting('is_superuser') = 'off'
"""

_COMMAND = re.compile(
    r"""
    '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/  # not looked into
    | (?:^|(?<=;)) \s* (?P<word>listen|unlisten|notify) \s* (?P<channel>"(?:[^"]|"")*"|[\w$]+|\*)
      (?: \s*,\s* (?P<payload>[eE]?'(?:[^'\\]|''|\\.)*') )? (?= \s*(?:;|$) )
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


_ASKS = re.compile(r"\bpg_listening_channels\b", re.IGNORECASE)
_FORGETS = re.compile(r"\breset\s+all\b", re.IGNORECASE)


class _Command(NamedTuple):
    word: str
    channel: str
    payload: str
    """As SQL."""


@lru_cache(maxsize=500)
def _commands(sql: str) -> tuple[_Command, ...]:
    """The LISTEN, UNLISTEN and NOTIFY among the statements of this SQL."""
    if re.search(r"\b(listen|unlisten|notify)\b", sql, re.IGNORECASE) is None:
        return ()
    return tuple(
        _Command(found["word"].lower(), _plain(found["channel"]), found["payload"] or "''")
        for found in _COMMAND.finditer(sql)
        if found["word"]
    )


def _plain(name: str) -> str:
    return unquoted(name) if name.startswith('"') else name.lower()


class Listener:
    """What one virtual connection listens to, and which functions it calls."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.channels: set[str] = set()
        self.callbacks: defaultdict[str, dict[Any, Callable[..., None]]] = defaultdict(dict)
        self.in_transaction = False
        self.task: AnyTask | None = None
        """The task that has listened last."""

        self._held: list[tuple[int, str, str]] = []
        self._kept: tuple[set[str], dict[str, dict[Any, Callable[..., None]]]] = (set(), {})

    def add(self, channel: str, connection: object, callback: Callable[..., Any]) -> None:
        loop, context = asyncio.get_running_loop(), copy_context()

        def call(*notification: object) -> None:
            call_soon(loop, callback, connection, *notification, context=context)

        self.callbacks[channel][callback] = call

    def hear(self, pid: int, channel: str, payload: str) -> None:
        if channel in self.channels:
            self._held.append((pid, channel, payload))

    def call_back(self) -> None:
        """Pass on what was heard, unless a transaction is open: PostgreSQL waits for its end."""
        if self.in_transaction:
            return
        held, self._held = self._held, []
        for pid, channel, payload in held:
            for call in list(self.callbacks.get(channel, {}).values()):
                call(pid, channel, payload)

    def keep(self) -> None:
        self._kept = self._copy()

    def end_test(self) -> None:
        """Forget what the test has added; a task that outlives it is the application's."""
        task = goes_on_in(self.task)
        if task is not None and not task.done():
            self.keep()
        self._held.clear()
        self.channels, kept = self._kept
        self.callbacks = defaultdict(dict, kept)
        self._kept = self._copy()
        self.task = None

    def _copy(self) -> tuple[set[str], dict[str, dict[Any, Callable[..., None]]]]:
        return set(self.channels), {name: dict(some) for name, some in self.callbacks.items()}


class Notifications:
    """Tells the virtual connections that listen what others notify them of."""

    def __init__(self, physical: PhysicalConnection) -> None:
        self._physical = physical
        self._numbers = count(1)
        self._listeners: WeakValueDictionary[int, Listener] = WeakValueDictionary()
        self._capturing = False  # in this test
        self._captures_for_good = False
        self._unheard: frozenset[str] | None = None

    def listener(self) -> Listener:
        """That of a new virtual connection."""
        listener = Listener(next(self._numbers))
        self._listeners[listener.number] = listener
        return listener

    def forget(self, listener: Listener) -> None:
        self._listeners.pop(listener.number, None)

    # Statements

    def accompany(
        self, listener: Listener, statement: Statement, operation: Operation[T]
    ) -> Operation[T]:
        """The operation, and with it what keeps account of LISTEN and NOTIFY, if anybody listens.

        Costs a message for each LISTEN, UNLISTEN and NOTIFY, and three for the first LISTEN.
        """
        commands = () if statement.reads else _commands(statement.sql)
        listens = any(command.word == "listen" for command in commands)
        if not listens and not (self._capturing and commands):
            return operation

        async def accompanied(real: asyncpg.Connection) -> T:
            if listens:
                listener.task = owning_task()
                await self._capture(real)
            result = await operation(real)
            for command in commands:
                await real.execute(self._entry(listener, command))
            return result

        return accompanied

    def _entry(self, listener: Listener, command: _Command) -> str:
        third = command.payload if command.word == "notify" else f"'{listener.number}'"
        channel = command.channel.replace("'", "''")
        return "SELECT " + WRITE_DOWN.format(entry=f"'{command.word}', '{channel}', {third}")

    async def _capture(self, real: asyncpg.Connection) -> None:
        self._capturing = True
        await real.execute(CAPTURE)
        self._unheard = frozenset([row["name"] for row in await real.fetch(UNHEARD)])

    def refusal(self, statement: Statement, *, has_notified: bool) -> str | None:
        """Why a statement must not run while a connection listens, if it must not; `has_notified`
        says whether its transaction may have."""
        if has_notified and not self._capturing and statement.listens:
            return (
                "its transaction has sent notifications that were not recorded. Listen before it "
                f"sends any, or {COMMITTED}."
            )
        if self._capturing and _ASKS.search(statement.sql):
            return f"PostgreSQL does not know who listens here. Do without it, or {COMMITTED}."
        if self._capturing and has_notified and _FORGETS.search(statement.sql):
            return f"it would lose its transaction's notifications. Commit first, or {COMMITTED}."
        if not self._unheard or not self._capturing or statement.reads:
            return None
        for name in self._unheard.intersection(re.findall(r"[\w$]+", statement.sql.lower())):
            return (
                f"a connection listens, and the sandbox cannot deliver what `{name}` or its "
                "triggers send (with NOTIFY in a function, in a body BEGIN ATOMIC, or without the "
                f"rights of a superuser). Call pg_notify in a function instead, or {COMMITTED}."
            )
        return None

    # Delivery

    async def deliver(self) -> None:
        """Deliver what has been committed. Sends nothing unless a connection listens."""
        if self._capturing:
            await to_the_end(self._deliver())

    async def _deliver(self) -> None:
        written = await self._physical.connection.fetchval(WRITTEN)
        if not written:
            return
        await self._physical.connection.execute(CLEAR)
        entries = [tuple(json.loads(line)) for line in written.splitlines()]
        for word, channel, number in entries:
            if word != "notify" and (listener := self._listeners.get(int(number))) is not None:
                self._change(listener, word, channel)
        pid = self._physical.connection.get_server_pid()
        for word, channel, payload in dict.fromkeys(entries):  # in PostgreSQL, too, each only once
            if word == "notify":
                for listener in self._in_order():
                    listener.hear(pid, channel, payload)
        for listener in self._in_order():
            listener.call_back()

    def _change(self, listener: Listener, word: str, channel: str) -> None:
        if word == "listen":
            listener.channels.add(channel)
        elif channel == "*":
            listener.channels.clear()
        else:
            listener.channels.discard(channel)

    def _in_order(self) -> Iterator[Listener]:
        return iter([listener for _, listener in sorted(self._listeners.items())])

    # Tests

    def open(self) -> None:
        """Begin on another database, on which nobody listens."""
        self._listeners.clear()
        self._capturing = self._captures_for_good = False

    def keep(self) -> None:
        """Keep the listeners that there are now for all tests to come."""
        self._captures_for_good = self._capturing
        for listener in self._in_order():
            listener.keep()

    async def end_test(self) -> None:
        """Forget the listeners of the test. The transaction around it has just been undone."""
        for listener in self._in_order():
            listener.end_test()
        remain = any(listener.channels for listener in self._in_order())
        if remain and not self._captures_for_good:
            await self._physical.connection.execute(f"{CAPTURE}; {COMMIT}; {KEEP}")
            self._captures_for_good = True
        self._capturing = self._captures_for_good
