"""A POST that is sent again with its `Idempotency-Key` has one effect, and one response."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Response
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient
from httpx import Response as HttpxResponse
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import SessionDep
from app.idempotency import IdempotentRoute, forget_old_requests
from app.jobs.definition import NoPayload
from app.main import create_app
from dev.lifespan import started
from tests.api.contract import assert_problem
from tests.fixtures.run_jobs import run_due_jobs
from tests.waiting import until_waiting

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
LAMP = {"text": "lamp"}

router = APIRouter(prefix="/test-notes", route_class=IdempotentRoute)
held = asyncio.Event()


class Note(BaseModel):
    text: str


@router.post("", status_code=201)
async def write(session: SessionDep, response: Response, data: Note) -> Note:
    await session.execute(text("INSERT INTO test_notes VALUES (:text)"), data.model_dump())
    if data.text == "slow":
        await held.wait()
    if data.text == "refused":
        raise HTTPException(409, "no")
    response.headers["Location"] = f"/test-notes/{data.text}"
    return data


@router.post("/stream")
async def stream(session: SessionDep) -> StreamingResponse:
    await session.execute(text("INSERT INTO test_notes VALUES ('streamed')"))
    return StreamingResponse(iter(["a", "b"]))


@pytest.fixture
async def notes(
    app: FastAPI, engine: AsyncEngine, db_session: AsyncSession
) -> AsyncIterator[AsyncClient]:
    """A client of the service with endpoints that write notes, for these tests only."""
    await db_session.execute(text("CREATE TABLE test_notes (text text)"))
    service = create_app(app.state.settings, engine)
    service.include_router(router, max_body_size=1000)
    async with started(service):
        transport = ASGITransport(app=service, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


async def count(session: AsyncSession) -> int:
    found: int = (await session.scalars(text("SELECT count(*) FROM test_notes"))).one()
    return found


async def test_a_key_with_a_form_is_422(notes: AsyncClient) -> None:
    response = await notes.post("/test-notes", data=LAMP, headers=KEY)
    assert_problem(response, 422, "header", "Idempotency-Key")


async def test_the_same_request_has_the_same_response_and_one_effect(
    notes: AsyncClient, db_session: AsyncSession
) -> None:
    first = await notes.post("/test-notes", json=LAMP, headers=KEY)
    again = await notes.post("/test-notes", json=LAMP, headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Location"] == "/test-notes/lamp"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert await count(db_session) == 1


async def test_without_a_key_or_with_another_one_it_is_another_request(
    notes: AsyncClient, db_session: AsyncSession
) -> None:
    for headers in ({}, {}, KEY, {"Idempotency-Key": "other"}):
        assert (await notes.post("/test-notes", json=LAMP, headers=headers)).status_code == 201
    assert await count(db_session) == 4


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/test-notes", {"text": "desk"}),
        ("/test-notes?a=b", LAMP),
        ("/test-notes/stream", LAMP),
    ],
)
async def test_a_key_is_for_one_request(
    notes: AsyncClient, db_session: AsyncSession, path: str, body: dict[str, str]
) -> None:
    await notes.post("/test-notes", json=LAMP, headers=KEY)
    response = await notes.post(path, json=body, headers=KEY)
    assert_problem(response, 422, "header", "Idempotency-Key")
    assert await count(db_session) == 1


async def test_a_request_that_has_failed_is_tried_again(
    notes: AsyncClient, db_session: AsyncSession
) -> None:
    for _ in range(2):
        response = await notes.post("/test-notes", json={"text": "refused"}, headers=KEY)
        assert_problem(response, 409)
        assert "Idempotent-Replayed" not in response.headers
    assert await count(db_session) == 0
    # Its key was given back as well.
    assert (await notes.post("/test-notes", json=LAMP, headers=KEY)).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_of_the_wrong_length_is_422(notes: AsyncClient, key: str) -> None:
    response = await notes.post("/test-notes", json=LAMP, headers={"Idempotency-Key": key})
    assert_problem(response, 422, "header", "Idempotency-Key")


async def test_a_body_that_is_too_large_is_still_413(notes: AsyncClient) -> None:
    response = await notes.post("/test-notes", json={"text": "x" * 2000}, headers=KEY)
    assert response.status_code == 413


async def test_a_key_expires(app: FastAPI, notes: AsyncClient, db_session: AsyncSession) -> None:
    await notes.post("/test-notes", json=LAMP, headers=KEY)
    expire = text("UPDATE idempotent_requests SET expires_at = now() - interval '1 second'")
    await db_session.execute(expire)
    response = await notes.post("/test-notes", json={"text": "desk"}, headers=KEY)
    assert (response.status_code, response.json()) == (201, {"text": "desk"})
    again = await notes.post("/test-notes", json={"text": "desk"}, headers=KEY)
    assert again.headers["Location"] == "/test-notes/desk"
    await db_session.execute(expire)
    async with app.state.sessions.begin() as session:
        await forget_old_requests.enqueue(session, NoPayload())
    await run_due_jobs(app, [forget_old_requests])
    assert await db_session.scalar(text("SELECT count(*) FROM idempotent_requests")) == 0


async def test_a_stream_is_not_repeated(notes: AsyncClient, db_session: AsyncSession) -> None:
    for _ in range(2):
        response = await notes.post("/test-notes/stream", headers=KEY)
        assert (response.status_code, response.text) == (200, "ab")
    assert await count(db_session) == 2


@pytest.mark.committed
async def test_one_of_two_at_once_waits_for_the_other(
    notes: AsyncClient, db_session: AsyncSession
) -> None:
    async def post() -> HttpxResponse:
        while True:
            response = await notes.post("/test-notes", json={"text": "slow"}, headers=KEY)
            if response.status_code != 409:  # it has waited too long, on a machine that is busy
                return response

    held.clear()
    both = [asyncio.create_task(post()) for _ in range(2)]
    await until_waiting(db_session)
    held.set()
    responses = await asyncio.gather(*both)
    assert [response.status_code for response in responses] == [201, 201]
    replayed = [response.headers.get("Idempotent-Replayed") for response in responses]
    assert sorted(replayed, key=str) == [None, "true"]
    assert await count(db_session) == 1


@pytest.mark.committed
async def test_waiting_too_long_for_the_first_request_is_409(
    notes: AsyncClient, db_session: AsyncSession
) -> None:
    held.clear()
    first = asyncio.create_task(notes.post("/test-notes", json={"text": "slow"}, headers=KEY))
    second = asyncio.create_task(notes.post("/test-notes", json={"text": "slow"}, headers=KEY))
    done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    (told,) = done
    assert_problem(told.result(), 409)
    held.set()
    assert {(await first).status_code, (await second).status_code} == {201, 409}
    assert await count(db_session) == 1
