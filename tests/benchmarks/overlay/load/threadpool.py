"""FastAPI and a synchronous session in a pool of threads."""

import os
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from tests.load.models import Item, ItemCreate, ItemPage, ItemRead

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
engine = create_engine(url)
app = FastAPI()


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]


@app.get("/items/{id}", response_model=ItemRead)
def get_item(id: int, session: SessionDep) -> Item:
    item = session.get(Item, id)
    if item is None:
        raise HTTPException(404)
    return item


@app.get("/items", response_model=ItemPage)
def list_items(
    session: SessionDep, limit: Annotated[int, Query(ge=1, le=100)] = 20, after: int = 0
) -> Any:
    statement = select(Item).where(Item.id > after).order_by(Item.id).limit(limit + 1)
    rows = session.scalars(statement).all()
    more = len(rows) > limit
    return {"items": rows[:limit], "next_cursor": str(rows[limit - 1].id) if more else None}


@app.post("/items", response_model=ItemRead, status_code=201)
def create_item(data: ItemCreate, session: SessionDep) -> Item:
    item = Item(**data.model_dump())
    session.add(item)
    session.commit()
    session.refresh(item)
    return item
