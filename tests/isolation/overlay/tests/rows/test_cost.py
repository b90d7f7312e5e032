"""What isolation costs, in messages."""

from typing import Any

from httpx import AsyncClient
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
