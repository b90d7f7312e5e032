"""Endpoints that are each a way of using a database."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.database import SessionDep, Sessionmaker
from probe.models import Account, Post

router = APIRouter()
marker: ContextVar[str] = ContextVar("marker", default="unset")


class AccountIn(BaseModel):
    name: str
    note: str = ""


class AccountOut(AccountIn):
    model_config = ConfigDict(from_attributes=True)

    id: int


@router.post("/accounts", status_code=201)
async def create(account: AccountIn, session: SessionDep) -> AccountOut:
    row = Account(**account.model_dump())
    session.add(row)
    await session.flush()
    return AccountOut.model_validate(row)


@router.get("/accounts/{id}")
async def get(id: int, session: SessionDep) -> AccountOut:
    row = await session.get(Account, id)
    if row is None:
        raise HTTPException(404)
    return AccountOut.model_validate(row)


@router.post("/commit-twice/{name}")
async def commit_twice(name: str, request: Request) -> None:
    """Commits, fails, rolls back, goes on."""
    sessions: Sessionmaker = request.app.state.sessions
    async with sessions() as session:
        session.add(Account(name=f"{name}-1"))
        await session.commit()
        session.add(Account(name=f"{name}-1"))
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()
        session.add(Account(name=f"{name}-2"))
        await session.commit()


@router.post("/background/{name}")
async def background(name: str, request: Request, tasks: BackgroundTasks) -> None:
    sessions: Sessionmaker = request.app.state.sessions

    async def work() -> None:
        async with sessions.begin() as session:
            session.add(Account(name=f"{name}-later"))

    tasks.add_task(work)
    async with sessions.begin() as session:
        session.add(Account(name=name))


@router.post("/audited/{name}")
async def audited(name: str, request: Request, session: SessionDep) -> None:
    """Writes in two transactions at once, one within the other."""
    session.add(Account(name=name))
    await session.flush()
    sessions: Sessionmaker = request.app.state.sessions
    async with sessions.begin() as audit:
        audit.add(Account(name=f"{name}-audit"))


@router.post("/core/{name}")
async def core(name: str, request: Request) -> None:
    async with request.app.state.engine.begin() as connection:
        await connection.execute(text("INSERT INTO accounts (name) VALUES (:name)"), {"name": name})


@router.post("/slow/{name}")
async def slow(name: str, session: SessionDep, seconds: float = 5) -> None:
    session.add(Account(name=name))
    await session.flush()
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


@router.post("/orphan")
async def orphan(session: SessionDep) -> None:
    session.add(Post(account_id=-1))
    await session.flush()


@router.get("/names")
async def names(session: SessionDep) -> list[str]:
    return list((await session.scalars(select(Account.name).order_by(Account.id))).all())


@router.get("/stream")
async def stream(request: Request) -> StreamingResponse:
    sessions: Sessionmaker = request.app.state.sessions

    async def lines() -> AsyncIterator[str]:
        async with sessions() as session:
            async for name in await session.stream_scalars(select(Account.name)):
                yield f"{name}\n"

    return StreamingResponse(lines())


@router.post("/nested/{name}")
async def nested(name: str, session: SessionDep) -> None:
    """A savepoint of its own, which fails."""
    session.add(Account(name=name))
    await session.flush()
    try:
        async with session.begin_nested():
            session.add(Account(name=name))
            await session.flush()
    except IntegrityError:
        pass
    session.add(Account(name=f"{name}-after"))


@router.post("/crash/{name}")
async def crash(name: str, session: SessionDep) -> None:
    session.add(Account(name=name))
    await session.flush()
    raise RuntimeError("crashed")


@router.post("/mark/{value}")
async def mark(value: str) -> str:
    before = marker.get()
    marker.set(value)
    return before


@router.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    """Writes each name it receives and answers how many there are."""
    await websocket.accept()
    sessions: Sessionmaker = websocket.app.state.sessions
    while (name := await websocket.receive_text()) != "bye":
        async with sessions.begin() as session:
            session.add(Account(name=name))
            await session.flush()
            count = await session.scalar(select(func.count()).select_from(Account))
        await websocket.send_text(str(count))
    await websocket.close()


@router.post("/leave-task/{name}")
async def leave_task(name: str, request: Request) -> None:
    sessions: Sessionmaker = request.app.state.sessions

    async def work() -> None:
        async with sessions.begin() as session:
            session.add(Account(name=name))
            await session.flush()
            await asyncio.sleep(5)

    request.app.state.task = asyncio.create_task(work(), name="forgotten")
