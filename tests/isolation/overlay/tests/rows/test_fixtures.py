"""What of the fixtures ends with the test, and fixtures of a project's own around them."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from probe.models import Account
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from dev.asgi import StreamingTransport
from dev.isolation import DatabaseIsolation
from dev.sandbox import SandboxError

former: list[httpx.AsyncClient] = []


async def refuse(_: object) -> None:
    raise AssertionError("a hook of an earlier test was called")


def change_everything(client: httpx.AsyncClient) -> None:
    client.headers["x-left"] = "left"
    client.headers["user-agent"] = "left"
    client.cookies.set("left", "left")
    client.params = client.params.set("left", "left")
    client.auth = ("left", "left")
    # httpx accepts more than what its properties return, which mypy cannot express.
    client.base_url = "http://left"  # type: ignore[assignment]
    client.timeout = 0.001  # type: ignore[assignment]
    client.follow_redirects = True
    client.max_redirects = 1
    client.event_hooks["request"].append(refuse)
    client.event_hooks["response"].append(refuse)


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_nothing_of_a_client_survives_a_test(
    client: httpx.AsyncClient, production_client: httpx.AsyncClient, attempt: str
) -> None:
    for used in client, production_client:
        new = httpx.AsyncClient(base_url="http://test")
        for name in vars(new).keys() - {"_transport", "_cookies", "_mounts"}:
            assert getattr(used, name) == getattr(new, name), name
        assert dict(used.cookies) == {}
        change_everything(used)


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_client_can_be_used_until_its_test_ends(
    client: httpx.AsyncClient, attempt: str
) -> None:
    assert (await client.get("/names")).status_code == 200
    for other in former:
        with pytest.raises(RuntimeError, match="has ended"):
            await other.get("/names")
    former.append(client)


async def test_a_closed_transport_refuses_requests(app: FastAPI) -> None:
    transport = StreamingTransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/names")).status_code == 200
        transport.close()
        with pytest.raises(RuntimeError, match="has ended"):
            await client.get("/names")


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_nothing_of_a_session_survives_a_test(db_session: AsyncSession, attempt: str) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a listener of an earlier test was called")

    assert not db_session.info
    assert not db_session.identity_map
    assert await db_session.scalar(text("SELECT count(*) FROM accounts")) == 0
    db_session.add(Account(name="left"))
    await db_session.flush()
    db_session.info["left"] = "left"
    event.listen(db_session.get_bind(), "before_cursor_execute", refuse)
    event.listen(db_session.sync_session, "before_flush", refuse)


class TestOverrides:
    """A project may put fixtures of its own, asynchronous ones as well, around the template's."""

    @pytest.fixture
    async def engine(self, engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO accounts (name) VALUES ('by the engine')"))
        yield engine
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO accounts (name) VALUES ('at the end')"))

    @pytest.fixture
    async def app(self, app: FastAPI) -> AsyncIterator[FastAPI]:
        app.state.overridden = True
        yield app
        del app.state.overridden

    @pytest.fixture
    async def client(
        self, client: httpx.AsyncClient, db_session: AsyncSession
    ) -> AsyncIterator[httpx.AsyncClient]:
        assert (await client.get("/names")).json() == ["by the engine"]
        yield client
        assert (await client.get("/names")).json() == ["by the engine", "by the test"]
        db_session.add(Account(name="by a finalizer"))
        await db_session.flush()

    @pytest.fixture(autouse=True)
    def clean_start(self) -> None:
        """The first request does that: nothing but what the engine's override has written."""

    @pytest.mark.parametrize("attempt", ["first", "second"])
    async def test_overridden_fixtures_work(
        self, app: FastAPI, client: httpx.AsyncClient, attempt: str
    ) -> None:
        assert app.state.overridden
        assert (await client.post("/accounts", json={"name": "by the test"})).status_code == 201


@pytest.fixture(scope="module")
async def refusal(isolation: DatabaseIsolation) -> str:
    with pytest.raises(SandboxError) as caught:
        async with isolation.engine.begin() as connection:
            await connection.execute(text("DELETE FROM accounts"))
    return str(caught.value)


async def test_a_fixture_of_a_module_that_writes_gets_an_error(refusal: str) -> None:
    assert "no running test has asked for the database" in refusal
    assert "do not write rows in a fixture with a wider scope than one test" in refusal


@pytest.mark.anyio
async def test_the_marker_of_anyio_makes_no_difference(
    client: httpx.AsyncClient, db_session: AsyncSession
) -> None:
    """It is that of FastAPI's documentation."""
    assert (await client.post("/accounts", json={"name": "marked"})).status_code == 201
    assert (await db_session.scalars(text("SELECT name FROM accounts"))).all() == ["marked"]
