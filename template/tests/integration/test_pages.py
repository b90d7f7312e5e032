"""Pages of rows of any size, in every order, and what the methods of a resource leave to others."""

import json
from enum import StrEnum
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import JSON, MetaData, String, Text, cast, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.crud import Crud
from app.database import Sessionmaker
from app.models import Base, choice_of
from app.pagination import Cursors, ListQuery
from tests.fixtures.assert_queries import AssertQueries

CURSORS = Cursors("key")


class State(StrEnum):
    NEW = "new"
    CLOSED = "closed"


class SampleBase(Base):
    """Its tables are not those of the service."""

    __abstract__ = True
    metadata = MetaData()


class SampleNote(SampleBase):
    __tablename__ = "test_notes"

    short: Mapped[str | None] = mapped_column(String(1000))
    text: Mapped[str | None] = mapped_column(Text())
    data: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    rank: Mapped[int | None]
    state: Mapped[State | None] = mapped_column(choice_of(State, "state"))


class NoteData(BaseModel):
    text: str


class NoteChange(BaseModel):
    data: Any


class NoteCrud(Crud[SampleNote, NoteData, NoteData | NoteChange]):
    model = SampleNote
    page_bytes = 4


CRUD = NoteCrud()


@pytest.fixture
async def notes(db_session: AsyncSession) -> AsyncSession:
    """A session that finds the table of notes."""
    connection = await db_session.connection()
    await connection.run_sync(SampleBase.metadata.create_all, checkfirst=False)
    return db_session


async def write(notes: AsyncSession, *rows: dict[str, Any]) -> None:
    nothing = dict.fromkeys(("short", "text", "data", "rank", "state"))
    await notes.execute(insert(SampleNote).values([nothing | row for row in rows]))


async def pages(notes: AsyncSession, **query: Any) -> list[list[int]]:
    """The ids on each page."""
    found = []
    cursor = None
    while True:
        page = await CRUD.list(notes, ListQuery(cursor=cursor, **query), CURSORS)
        found.append([row.id for row in page.items])
        if (cursor := page.next_cursor) is None:
            return found


async def test_a_page_ends_with_the_row_that_makes_it_large(notes: AsyncSession) -> None:
    texts = [{"text": value} for value in ("€", "x", "abcdefg", "ab")]
    values = [{"data": value} for value in (1, 234, 1234567)]
    await write(notes, *texts, *values, *[{"short": "long enough"}] * 9)
    assert await pages(notes) == [[1, 2], [3], [4, 5, 6], [7], [8, 9, 10, 11, 12, 13, 14, 15, 16]]
    assert await pages(notes, sort="-id") == [[*range(16, 6, -1)], [6, 5], [4, 3], [2, 1]]


async def test_rows_without_a_value_come_last_in_both_directions(notes: AsyncSession) -> None:
    await write(
        notes,
        {},
        {"rank": -1, "state": State.CLOSED},
        {"rank": 2, "state": State.CLOSED},
        {"rank": 1, "state": State.NEW},
    )
    assert await pages(notes, sort="rank", limit=1) == [[2], [4], [3], [1]]
    assert await pages(notes, sort="-rank", limit=3) == [[3, 4, 2], [1]]
    assert await pages(notes, sort="state", limit=2) == [[4, 2], [3, 1]]
    assert await pages(notes, sort="-state", limit=1) == [[3], [2], [4], [1]]


async def test_a_row_that_the_session_holds_is_not_read_again(
    app: FastAPI, notes: AsyncSession, assert_queries: AssertQueries
) -> None:
    await write(notes, {"text": "one"}, {"text": "two"})
    sessions: Sessionmaker = app.state.sessions
    async with sessions() as session:
        with assert_queries(2):
            one, two = await CRUD.get(session, 1), await CRUD.get(session, 2)
            assert (one.text, two.text) == ("one", "two")
            assert await CRUD.get(session, 1) is one


async def test_the_request_decides_whether_to_commit(app: FastAPI, notes: AsyncSession) -> None:
    await write(notes, {"text": "before"})
    sessions: Sessionmaker = app.state.sessions
    async with sessions() as session:
        created = await CRUD.create(session, NoteData(text="created"))
        await CRUD.update(session, 1, NoteData(text="updated"))
        assert (created in session.new, [*session.dirty]) == (False, [])
        await CRUD.delete(session, 1)
        assert [*session.deleted] == []
        await session.rollback()
    assert (await notes.scalars(select(SampleNote.text))).all() == ["before"]


@pytest.mark.parametrize(("value", "other"), [("[1]", "[true]"), ("0", "false"), ("2", "2.0")])
async def test_an_update_writes_what_python_finds_equal(
    notes: AsyncSession, value: str, other: str
) -> None:
    await write(notes, {"data": json.loads(value)})
    await CRUD.update(notes, 1, NoteChange(data=json.loads(other)))
    assert await notes.scalar(select(cast(SampleNote.data, Text))) == other


async def test_what_was_written_can_be_read_after_the_commit(
    app: FastAPI, notes: AsyncSession
) -> None:
    sessions: Sessionmaker = app.state.sessions
    async with sessions.begin() as session:
        note = await CRUD.create(session, NoteData(text="created"))
    assert note.text == "created"
    assert (await notes.scalars(select(SampleNote.text))).all() == ["created"]
