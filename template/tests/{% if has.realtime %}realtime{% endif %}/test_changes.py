"""Rows that are created, updated and deleted."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from dev.websocket import WebSocketRejectedError
from tests.api.contract import assert_problem
from tests.realtime.conftest import Follow, Stream
from tests.realtime.things import Secret, Thing, create_tables

CHANGES = "/realtime/changes"


@pytest.fixture(autouse=True)
async def tables(db_session: AsyncSession) -> None:
    await create_tables(db_session)


def told(type_: str, *rows: Thing) -> dict[str, Any]:
    return {"type": type_, "resource": "test-things", "ids": [row.id for row in rows]}


async def test_changes_of_a_row_are_announced(app: FastAPI, follow: Follow, stream: Stream) -> None:
    async with follow(CHANGES) as ws, stream(CHANGES) as events:
        async with app.state.sessions.begin() as session:
            one, two = Thing(name="a"), Thing(name="b")
            session.add_all([one, two])
        async with app.state.sessions.begin() as session:
            session.add(one)
            one.name = "c"
        async with app.state.sessions.begin() as session:
            await session.delete(two)
        for client in (ws.receive_json, events.receive):
            assert await client() == told("created", one, two)
            assert await client() == told("updated", one)
            assert await client() == told("deleted", two)


async def test_a_row_that_sql_has_changed_is_announced(app: FastAPI, follow: Follow) -> None:
    async with follow(CHANGES) as ws:
        async with app.state.sessions.begin() as session:
            thing = Thing(name="a")
            session.add(thing)
            await session.flush()
            thing.name = Thing.name + "b"
        assert await ws.receive_json() == told("created", thing)
        assert await ws.receive_json() == told("updated", thing)


async def test_changes_that_are_rolled_back_are_not_announced(app: FastAPI, follow: Follow) -> None:
    async with follow(CHANGES) as ws:
        async with app.state.sessions() as session:
            session.add(Thing(name="undone"))
            await session.flush()
            await session.rollback()
        async with app.state.sessions.begin() as session:
            kept = Thing(name="kept")
            session.add(kept)
            await session.flush()
            async with session.begin_nested() as savepoint:
                session.add(Thing(name="undone"))
                await session.flush()
                await savepoint.rollback()
        assert await ws.receive_json() == told("created", kept)
        async with app.state.sessions.begin() as session:
            await session.delete(kept)
        assert await ws.receive_json() == told("deleted", kept)


async def test_other_tables_and_unchanged_rows_are_not_announced(
    app: FastAPI, follow: Follow
) -> None:
    async with follow(CHANGES) as ws:
        async with app.state.sessions.begin() as session:
            thing = Thing(name="a")
            session.add_all([Secret(), thing])
        assert await ws.receive_json() == told("created", thing)
        async with app.state.sessions.begin() as session:
            session.add(thing)
            thing.name = thing.name[:]
            await session.flush()
            await session.execute(delete(Secret))
            await session.delete(thing)
        assert await ws.receive_json() == told("deleted", thing)


async def test_the_ids_of_many_rows_fit_into_messages(app: FastAPI, follow: Follow) -> None:
    async with follow(CHANGES) as ws:
        async with app.state.sessions.begin() as session:
            things = [Thing(name="a") for _ in range(450)]
            session.add_all(things)
        for part in (things[:200], things[200:400], things[400:]):
            assert await ws.receive_json() == told("created", *part)


async def test_a_resource_that_does_not_exist_cannot_be_followed(
    http: httpx.AsyncClient, follow: Follow
) -> None:
    path = f"{CHANGES}?resource=nothing"
    response = await http.get(path)
    assert_problem(response, 422, "query", "resource")
    assert response.json()["detail"] == "There is no resource 'nothing'."
    with pytest.raises(WebSocketRejectedError, match="422"):
        async with follow(path):
            pass
