"""FastAPI and an AsyncSession, with as few round trips as the service under test, and with its
filters and headers. Lists are ordered by `id` alone.

The endpoints are those of a router, as in every service of more than one file.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from tests.load.models import Item, ItemCreate, ItemPage, ItemQuery, ItemRead

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
engine = create_async_engine(url, pool_size=15, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
read_sessions = async_sessionmaker(engine.execution_options(isolation_level="AUTOCOMMIT"))
router = APIRouter()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions.begin() as session:
        yield session


async def get_read_session() -> AsyncIterator[AsyncSession]:
    async with read_sessions() as session:
        yield session


WriteDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
ReadDep = Annotated[AsyncSession, Depends(get_read_session, scope="function")]


def etag(item: Item) -> str:
    shown = ItemRead.model_validate(item).model_dump_json()
    return f'"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'


@router.get("/items/{id}", response_model=ItemRead)
async def get_item(
    id: int,
    session: ReadDep,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Item | Response:
    item = await session.get(Item, id)
    if item is None:
        raise HTTPException(404)
    current = response.headers["ETag"] = etag(item)
    if if_none_match == current:
        return Response(status_code=304, headers={"ETag": current})
    return item


@router.get("/items", response_model=ItemPage)
async def list_items(session: ReadDep, query: Annotated[ItemQuery, Query()]) -> Any:
    descending = query.sort == "-id"
    order = Item.id.desc() if descending else Item.id.asc()
    statement = select(Item).order_by(order).limit(query.limit + 1)
    if query.after is not None:
        is_later = Item.id < query.after if descending else Item.id > query.after
        statement = statement.where(is_later)
    if query.name is not None:
        statement = statement.where(Item.name.in_(query.name))
    if query.created_at_from is not None:
        statement = statement.where(Item.created_at >= query.created_at_from)
    if query.created_at_before is not None:
        statement = statement.where(Item.created_at < query.created_at_before)
    rows = [*await session.scalars(statement)]
    more = len(rows) > query.limit
    items = rows[: query.limit]
    return {"items": items, "next_cursor": str(items[-1].id) if more else None}


@router.post("/items", response_model=ItemRead, status_code=201)
async def create_item(data: ItemCreate, session: WriteDep, response: Response) -> Item:
    item = Item(**data.model_dump())
    session.add(item)
    await session.flush()
    response.headers["Location"] = f"/items/{item.id}"
    response.headers["ETag"] = etag(item)
    return item


app = FastAPI()
app.include_router(router)
