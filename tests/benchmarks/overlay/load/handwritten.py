"""FastAPI and an AsyncSession, with as few round trips as the service under test.

The endpoints are those of a router, as in every service of more than one file.
"""

import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from tests.load.models import Item, ItemCreate, ItemPage, ItemRead

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


@router.get("/items/{id}", response_model=ItemRead)
async def get_item(id: int, session: ReadDep) -> Item:
    item = await session.get(Item, id)
    if item is None:
        raise HTTPException(404)
    return item


@router.get("/items", response_model=ItemPage)
async def list_items(
    session: ReadDep, limit: Annotated[int, Query(ge=1, le=100)] = 20, after: int = 0
) -> Any:
    statement = select(Item).where(Item.id > after).order_by(Item.id).limit(limit + 1)
    rows = [*await session.scalars(statement)]
    more = len(rows) > limit
    return {"items": rows[:limit], "next_cursor": str(rows[limit - 1].id) if more else None}


@router.post("/items", response_model=ItemRead, status_code=201)
async def create_item(data: ItemCreate, session: WriteDep) -> Item:
    item = Item(**data.model_dump())
    session.add(item)
    await session.flush()
    return item


app = FastAPI()
app.include_router(router)
