"""Tasks of the lifespan use the database during all tests, and belong to none."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

ATTEMPTS = range(8)


@pytest.fixture(autouse=True)
async def clean_start(db_session: AsyncSession) -> None:
    assert (await db_session.scalars(select(Account.name))).all() == []


async def note_of(db_session: AsyncSession, name: str) -> str:
    note = await db_session.scalar(select(Account.note).where(Account.name == name))
    assert note is not None
    return note


async def is_sent(db_session: AsyncSession, name: str) -> None:
    for _ in range(1000):
        if await note_of(db_session, name) == "sent":
            return
        await asyncio.sleep(0.002)
    pytest.fail("the relay does not work")


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_the_relay_works_in_every_test(
    app: FastAPI, client: AsyncClient, db_session: AsyncSession, attempt: int
) -> None:
    response = await client.post("/accounts", json={"name": "a", "note": "waiting"})
    assert response.status_code == 201
    await is_sent(db_session, "a")
    assert not [task for task in app.state.background.tasks if task.done()]


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_a_test_may_end_at_any_moment(
    client: AsyncClient, db_session: AsyncSession, attempt: int
) -> None:
    assert (await client.post("/accounts", json={"name": "a"})).status_code == 201
    await asyncio.sleep(0.003 * attempt)


@pytest.mark.parametrize("attempt", range(3))
async def test_what_begins_to_listen_in_a_test_hears_in_later_ones(
    app: FastAPI, db_session: AsyncSession, attempt: int
) -> None:
    app.state.background.wanted.set()
    await app.state.background.listening.wait()
    await db_session.execute(text("SELECT pg_notify('news', :news)"), {"news": f"news {attempt}"})
    async with asyncio.timeout(60):
        assert await app.state.background.heard.get() == f"news {attempt}"


@pytest.mark.committed
@pytest.mark.parametrize("attempt", range(2))
async def test_the_relay_works_on_a_clone(
    client: AsyncClient, db_session: AsyncSession, attempt: int
) -> None:
    response = await client.post("/accounts", json={"name": "a", "note": "waiting"})
    assert response.status_code == 201
    await is_sent(db_session, "a")


async def test_the_database_is_replaced(db_session: AsyncSession) -> None:
    await db_session.execute(text("SELECT setval(pg_get_serial_sequence('accounts', 'id'), 1000)"))


@pytest.mark.parametrize("attempt", range(2))
async def test_tasks_of_the_lifespan_go_on(app: FastAPI, attempt: int) -> None:
    before = app.state.background.rounds
    for _ in range(1000):
        if app.state.background.rounds > before:
            break
        await asyncio.sleep(0.002)
    assert app.state.background.rounds > before
    assert not [task for task in app.state.background.tasks if task.done()]
