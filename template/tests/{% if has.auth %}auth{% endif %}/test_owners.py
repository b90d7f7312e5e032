"""Rows with an owner, by every kind of query. What endpoints make of them, contract.py tests."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa
from fastapi import APIRouter, BackgroundTasks, FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.sql.base import ExecutableOption

from app.auth import ADMIN, CurrentUser, Owned
from app.auth.current_user import acting, acting_as
from app.auth.models import User
from app.errors import ConflictError
from app.features import DEPENDENCIES
from tests.factories import UserFactory
from tests.fixtures.client import BASE_URL


class Base(DeclarativeBase):
    """Of tables that only these tests have."""

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)


class Diary(Owned, Base):
    __tablename__ = "test_diaries"

    pages: Mapped[list["Page"]] = relationship(back_populates="diary", lazy="raise")


class Page(Owned, Base):
    __tablename__ = "test_pages"

    text: Mapped[str]
    diary_id: Mapped[int | None] = mapped_column(sa.ForeignKey("test_diaries.id"))
    diary: Mapped[Diary | None] = relationship(back_populates="pages", lazy="raise")


def as_user(user: User) -> AbstractContextManager[None]:
    return acting_as(CurrentUser(user.id, user.email, user.name, tuple(user.scopes), login_id=1))


@pytest.fixture
async def others(db_session: AsyncSession) -> User:
    """Another user, who has a diary with a page."""
    await db_session.run_sync(lambda session: Base.metadata.create_all(session.connection()))
    other = await UserFactory.acreate()
    db_session.add(Page(owner=other, text="secret", diary=Diary(owner=other)))
    await db_session.flush()
    return other


QUERIES = {
    "all": select(Page),
    "a column": select(Page.text),
    "a count": select(func.count(Page.id)).having(func.count(Page.id) > 0),
    "an alias": select(aliased(Page)),
    "a join": select(Page.text).join(Page.diary),
    "a subquery": select(select(Page.text).scalar_subquery()).where(select(Page.id).exists()),
    "an id": select(Page.id).where(Page.text == "secret"),
    "a lock": select(Page).with_for_update(),
}


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_finds_only_ones_own(
    app: FastAPI, user: User, others: User, query: str
) -> None:
    for who, found in ((user, 0), (others, 1)):
        with as_user(who):
            async with app.state.sessions() as session:
                assert len((await session.execute(QUERIES[query])).all()) == found


async def test_a_row_of_another_is_not_there_by_its_id(
    app: FastAPI, user: User, others: User, db_session: AsyncSession
) -> None:
    id = (await db_session.scalars(select(Page.id))).one()
    with as_user(user):
        async with app.state.sessions() as session:
            assert await session.get(Page, id) is None
            assert await session.get(Page, id, with_for_update=True) is None


@pytest.mark.parametrize("load", [joinedload, selectinload])
async def test_relationships_lead_only_to_ones_own(
    app: FastAPI,
    user: User,
    others: User,
    db_session: AsyncSession,
    load: Callable[..., ExecutableOption],
) -> None:
    diary = (await db_session.scalars(select(Diary))).one()
    diary.owner_id = user.id  # a diary in which another has written
    await db_session.flush()
    with as_user(user):
        async with app.state.sessions() as session:
            query = select(Diary).options(load(Diary.pages))
            found = (await session.scalars(query)).unique().one()
            assert found.pages == []


@pytest.mark.parametrize("change", [update(Page).values(text="mine"), delete(Page)])
async def test_statements_change_only_ones_own(
    app: FastAPI, user: User, others: User, db_session: AsyncSession, change: sa.UpdateBase
) -> None:
    with as_user(user):
        async with app.state.sessions.begin() as session:
            await session.execute(change)
    assert (await db_session.scalars(select(Page.text))).all() == ["secret"]


async def test_a_new_row_belongs_to_who_creates_it(app: FastAPI, user: User, others: User) -> None:
    with as_user(user):
        async with app.state.sessions.begin() as session:
            page = Page(text="mine")
            session.add(page)
            await session.flush()
            assert page.owner_id == user.id


async def test_a_reference_to_a_row_of_another_is_refused(
    app: FastAPI, user: User, others: User, db_session: AsyncSession
) -> None:
    theirs = (await db_session.scalars(select(Diary.id))).one()
    with as_user(user):
        async with app.state.sessions() as session:
            session.add(Page(text="mine", diary_id=theirs))
            missing = r"test_pages\.diary_id references a row that does"
            with pytest.raises(ConflictError, match=missing):
                await session.flush()
        async with app.state.sessions() as session:
            page, mine = Page(text="mine"), Diary()
            session.add_all([page, mine])
            await session.flush()
            page.diary_id = mine.id
            await session.flush()
            page.diary_id = theirs
            with pytest.raises(ConflictError):
                await session.flush()


async def test_an_admin_sees_all(app: FastAPI, admin: User, others: User) -> None:
    assert admin.scopes == [ADMIN]
    with as_user(admin):
        async with app.state.sessions() as session:
            assert len((await session.scalars(select(Page))).all()) == 1


async def test_work_after_the_response_is_done_for_the_user(
    app: FastAPI, auth_client: AsyncClient, user: User
) -> None:
    service, router, found = FastAPI(), APIRouter(), []
    service.state = app.state

    def work() -> None:
        found.append(acting.get())

    @router.post("/test-work")
    async def begin(tasks: BackgroundTasks) -> None:
        tasks.add_task(work)

    service.include_router(router, dependencies=DEPENDENCIES)
    headers = {"Authorization": auth_client.headers["Authorization"]}
    async with AsyncClient(transport=ASGITransport(service), base_url=BASE_URL) as client:
        assert (await client.post("/test-work", headers=headers)).status_code == 200
    assert [who and who.id for who in found] == [user.id]


async def test_without_a_user_a_row_needs_an_owner(app: FastAPI, others: User) -> None:
    async with app.state.sessions() as session:
        session.add(Page(text="whose?"))
        with pytest.raises(StatementError, match="set its owner_id"):
            await session.flush()
