"""One transaction per request: committed before the response is sent, or not at all."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.pool import QueuePool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database import ReadSessionDep, SessionDep
from app.main import create_app
from dev.lifespan import started
from tests.api.contract import assert_problem

# A deferred constraint trigger fires on commit, after all statements have succeeded.
REJECT_COMMITS = [
    """
    CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'rejected on commit'; END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER reject AFTER INSERT ON test_probes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reject()
    """,
]


class Watch:
    """Notes of each session whether it uses a connection when a response begins."""

    def __init__(self, app: ASGIApp, sessions: list[AsyncSession], in_use: list[bool]) -> None:
        self.app = app
        self.sessions = sessions
        self.in_use = in_use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.in_use += [session.in_transaction() for session in self.sessions]
            await send(message)

        await self.app(scope, receive, watch)


@pytest.fixture
def in_use() -> list[bool]:
    return []


@pytest.fixture
async def probe(
    app: FastAPI, engine: AsyncEngine, db_session: AsyncSession, in_use: list[bool]
) -> AsyncIterator[AsyncClient]:
    """A client of the service with a table and an endpoint for these tests only."""
    await db_session.execute(text("CREATE TABLE test_probes (id int)"))
    service = create_app(app.state.settings, engine)
    sessions: list[AsyncSession] = []
    service.add_middleware(Watch, sessions=sessions, in_use=in_use)

    @service.post("/test-probes", status_code=201)
    async def create(session: SessionDep, fail_with: int | None = None) -> None:
        sessions.append(session)
        await session.execute(text("INSERT INTO test_probes VALUES (1)"))
        if fail_with is not None:
            raise HTTPException(fail_with) if fail_with < 500 else RuntimeError("a secret")

    @service.post("/test-probes/committed", status_code=201)
    async def create_and_commit(session: SessionDep, go_on: bool = False) -> None:
        await session.execute(text("INSERT INTO test_probes VALUES (1)"))
        await session.commit()
        if go_on:
            await session.execute(text("INSERT INTO test_probes VALUES (2)"))

    @service.get("/test-probes")
    async def read(session: ReadSessionDep) -> int:
        sessions.append(session)
        return await count(session)

    transport = ASGITransport(app=service, raise_app_exceptions=False)
    async with (
        started(service),
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


async def count(session: AsyncSession) -> int:
    found: int = (await session.scalars(text("SELECT count(*) FROM test_probes"))).one()
    return found


async def test_a_successful_request_is_committed(
    probe: AsyncClient, db_session: AsyncSession
) -> None:
    assert (await probe.post("/test-probes")).status_code == 201
    assert await count(db_session) == 1


async def test_a_failed_commit_is_a_500_and_never_a_201(
    probe: AsyncClient, db_session: AsyncSession
) -> None:
    for statement in REJECT_COMMITS:
        await db_session.execute(text(statement))
    assert_problem(await probe.post("/test-probes"), 500)
    assert await count(db_session) == 0


@pytest.mark.parametrize("status", [409, 500])
async def test_a_failed_request_persists_nothing(
    probe: AsyncClient, db_session: AsyncSession, status: int
) -> None:
    assert_problem(await probe.post("/test-probes", params={"fail_with": status}), status)
    assert await count(db_session) == 0


async def test_an_endpoint_that_commits_begins_no_second_transaction(
    probe: AsyncClient, db_session: AsyncSession
) -> None:
    assert (await probe.post("/test-probes/committed")).status_code == 201
    assert await count(db_session) == 1
    assert_problem(await probe.post("/test-probes/committed", params={"go_on": True}), 500)
    assert await count(db_session) == 2


async def test_an_unexpected_error_reveals_no_internals(probe: AsyncClient) -> None:
    response = await probe.post("/test-probes", params={"fail_with": 500})
    assert_problem(response, 500)
    assert "secret" not in response.text


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_uses_no_connection_when_its_response_begins(
    probe: AsyncClient, in_use: list[bool], method: str
) -> None:
    assert (await probe.request(method, "/test-probes")).is_success
    assert in_use == [False]


@pytest.mark.committed
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_that_is_cancelled_at_any_moment_gives_its_connection_back(
    probe: AsyncClient, engine: AsyncEngine, method: str
) -> None:
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    in_use = pool.checkedout()  # by `db_session`
    for turns in range(0, 400, 20):
        request = asyncio.create_task(probe.request(method, "/test-probes"))
        for _ in range(turns):
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait({request})
        assert pool.checkedout() == in_use, turns
    assert (await probe.request(method, "/test-probes")).is_success
