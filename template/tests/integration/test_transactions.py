"""One transaction per request: committed before the response is sent, or not at all."""

from collections.abc import AsyncIterator

import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import SessionDep
from app.main import create_app
from tests.api.contract import assert_problem

# A deferred constraint trigger fires on commit, after all statements have succeeded.
REJECT_COMMITS = [
    """
    CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'rejected on commit'; END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER reject AFTER INSERT ON probes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reject()
    """,
]


@pytest.fixture
async def probe(
    app: FastAPI, engine: AsyncEngine, db_session: AsyncSession
) -> AsyncIterator[AsyncClient]:
    """A client of the service with a table and an endpoint for these tests only."""
    await db_session.execute(text("CREATE TABLE probes (id int)"))
    service = create_app(app.state.settings, engine)

    @service.post("/probes", status_code=201)
    async def create(session: SessionDep, fail_with: int | None = None) -> None:
        await session.execute(text("INSERT INTO probes VALUES (1)"))
        if fail_with is not None:
            raise HTTPException(fail_with) if fail_with < 500 else RuntimeError("a secret")

    transport = ASGITransport(app=service, raise_app_exceptions=False)
    async with (
        LifespanManager(service),
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


async def count(db_session: AsyncSession) -> int:
    found: int = (await db_session.scalars(text("SELECT count(*) FROM probes"))).one()
    return found


async def test_a_successful_request_is_committed(
    probe: AsyncClient, db_session: AsyncSession
) -> None:
    assert (await probe.post("/probes")).status_code == 201
    assert await count(db_session) == 1


async def test_a_failed_commit_is_a_500_and_never_a_201(
    probe: AsyncClient, db_session: AsyncSession
) -> None:
    for statement in REJECT_COMMITS:
        await db_session.execute(text(statement))
    assert_problem(await probe.post("/probes"), 500)
    assert await count(db_session) == 0


@pytest.mark.parametrize("status", [409, 500])
async def test_a_failed_request_persists_nothing(
    probe: AsyncClient, db_session: AsyncSession, status: int
) -> None:
    assert_problem(await probe.post("/probes", params={"fail_with": status}), status)
    assert await count(db_session) == 0


async def test_an_unexpected_error_reveals_no_internals(probe: AsyncClient) -> None:
    response = await probe.post("/probes", params={"fail_with": 500})
    assert_problem(response, 500)
    assert "secret" not in response.text
