"""Starlette and asyncpg: about the least that a service in Python can do."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = "id, name, description, price, created_at, updated_at"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=15) as pool:
        app.state.pool = pool
        yield


def as_json(row: asyncpg.Record) -> dict[str, object]:
    times = {name: row[name].isoformat() for name in ("created_at", "updated_at")}
    return {**row, "price": str(row["price"]), **times}


def respond(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")


async def get_item(request: Request) -> Response:
    id = int(request.path_params["id"])
    sql = f"SELECT {COLUMNS} FROM items WHERE id = $1"
    row = await request.app.state.pool.fetchrow(sql, id)
    return respond(as_json(row)) if row else Response(status_code=404)


async def list_items(request: Request) -> Response:
    sql = f"SELECT {COLUMNS} FROM items WHERE id > $1 ORDER BY id LIMIT $2"
    rows = await request.app.state.pool.fetch(sql, 0, 21)
    more = len(rows) > 20
    cursor = str(rows[19]["id"]) if more else None
    return respond({"items": [as_json(row) for row in rows[:20]], "next_cursor": cursor})


async def create_item(request: Request) -> Response:
    data = await request.json()
    sql = f"INSERT INTO items (name, price) VALUES ($1, $2::text::numeric) RETURNING {COLUMNS}"
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(sql, data["name"], data["price"])
    return respond(as_json(row), 201)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/items", list_items, methods=["GET"]),
        Route("/items", create_item, methods=["POST"]),
        Route("/items/{id:int}", get_item),
    ],
)
