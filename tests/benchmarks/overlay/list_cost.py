"""The last page of a long list against its first: pairs, interleaved, in one process.

Runs inside a rendered project as one of its tests (`nox -s bench`) and prints; no time fails.
"""

import statistics
import time

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import Text, cast, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pagination import Cursors, Position
from app.resources.item.models import Item
from app.resources.item.schemas import ItemQuery

ROWS = 100_000
PAGE = 20
PAIRS = 200
FILL = """
    INSERT INTO items (name, price)
    SELECT to_char(number, 'FM000000'), number % 1000 FROM generate_series(1, :rows) AS number
"""


async def milliseconds(client: AsyncClient, query: dict[str, str]) -> float:
    start = time.perf_counter()
    response = await client.get("/items", params=query)
    elapsed = time.perf_counter() - start
    assert len(response.json()["items"]) == PAGE
    return elapsed * 1000


@pytest.mark.committed
@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "created_at", "-created_at"])
async def test_last_page_against_first(
    app: FastAPI, client: AsyncClient, db_session: AsyncSession, sort: str
) -> None:
    await db_session.execute(text(FILL), {"rows": ROWS})
    await db_session.execute(text("VACUUM ANALYZE items"))
    # The row behind which the last page starts.
    name = sort.removeprefix("-")
    key = getattr(Item, name)
    order = key if sort.startswith("-") else key.desc()
    rows = select(Item.id, cast(key, Text).label("text")).order_by(order).offset(PAGE).limit(1)
    id, value = (await db_session.execute(rows)).one()
    position = Position(type(key.type).__name__, value, id)
    cursors = Cursors(app.state.settings.secret_key.get_secret_value(), "/items")
    cursor = cursors.encode(position, ItemQuery.model_validate({"sort": sort}))
    last_page = {"sort": sort, "cursor": cursor}
    pairs = [
        (await milliseconds(client, {"sort": sort}), await milliseconds(client, last_page))
        for _ in range(PAIRS)
    ]
    first, last = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(last / first for first, last in pairs)
    print(f"\nsort={sort}: first page {first:.2f} ms, last page {last:.2f} ms, ratio {ratio:.2f}")
