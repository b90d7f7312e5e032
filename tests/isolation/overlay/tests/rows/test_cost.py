"""What isolation costs, in messages and in work for the garbage collector."""

import gc
import time
from typing import Any

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.rows.conftest import sandbox_only

from dev.isolation import DatabaseIsolation

MESSAGES = {"prepare", "query", "bind_execute", "bind_execute_many", "close_statement"}


class Counting:
    """asyncpg's protocol; each of these methods sends one message and waits for the answer."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.sent: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name in MESSAGES:
            self.sent.append(name)
        return getattr(self.protocol, name)


@sandbox_only
async def test_a_write_and_a_read_cost_three_messages_and_the_reset_one(
    isolation: DatabaseIsolation, client: AsyncClient
) -> None:
    """INSERT, its commit, SELECT: without isolation there would be BEGIN and COMMIT for both."""

    async def write_and_read() -> None:
        created = await client.post("/accounts", json={"name": "cheap"})
        assert (await client.get(f"/accounts/{created.json()['id']}")).status_code == 200

    sandbox = isolation.sandbox
    await write_and_read()  # prepares the statements
    await sandbox.checkin()
    sandbox.checkout("a test that is counted")
    connection: Any = sandbox.physical.connection
    connection._protocol = counting = Counting(connection._protocol)  # noqa: SLF001
    await write_and_read()
    await sandbox.checkin()
    connection._protocol = counting.protocol  # noqa: SLF001
    sandbox.checkout("the rest of the test")
    assert counting.sent == ["bind_execute", "query", "bind_execute", "query"]


@sandbox_only
async def test_a_reading_transaction_that_sets_a_parameter_costs_no_further_message(
    isolation: DatabaseIsolation, engine: AsyncEngine
) -> None:
    """It is set again only if others have used the connection, in one message."""
    tenant = text("SELECT set_config('app.tenant', :tenant, true)")
    read, count = (
        text("SELECT current_setting('app.tenant')"),
        text("SELECT count(*) FROM accounts"),
    )
    async with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):  # prepares the statements
            await connection.execute(tenant, {"tenant": "none"})
            await connection.execute(read)
            await connection.execute(count)
            await connection.rollback()
        await other.execute(count)
        real: Any = isolation.sandbox.physical.connection
        real._protocol = counting = Counting(real._protocol)  # noqa: SLF001
        await one.execute(tenant, {"tenant": "red"})
        assert await one.scalar(read) == "red"
        assert counting.sent == ["bind_execute", "bind_execute"]
        await other.execute(count)
        assert await one.scalar(read) == "red"
        real._protocol = counting.protocol  # noqa: SLF001
    assert counting.sent[2:] == ["query", "bind_execute", "query", "bind_execute"]


@sandbox_only
async def test_a_long_literal_is_classified_at_once_and_not_remembered(
    isolation: DatabaseIsolation,
) -> None:
    classify = isolation.sandbox.classify
    texts = ["SELECT 'a" + "b''" * 3_000_000 + "'", "SELECT $$" + "END; " * 2_000_000 + "$$"]
    texts.append("INSERT INTO t VALUES " + ",".join(["(-1.5, 'text', NULL)"] * 400_000))
    begun = time.process_time()
    assert [classify(sql).reads for sql in texts] == [True, True, False]
    assert time.process_time() - begun < 30
    assert classify(texts[0]) is not classify(texts[0])


async def test_what_was_there_before_the_tests_is_not_collected_again() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
