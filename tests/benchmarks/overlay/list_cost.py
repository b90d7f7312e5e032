"""The last page of a long list against its first: pairs, interleaved, in one process.

Runs inside a rendered project as one of its tests (`nox -s bench`) and prints; no time fails.
"""

import statistics
import time

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.pagination import Cursors, Position

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
@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name"])
async def test_last_page_against_first(
    app: FastAPI, client: AsyncClient, db_session: AsyncSession, sort: str
) -> None:
    await db_session.execute(text(FILL), {"rows": ROWS})
    await db_session.execute(text("VACUUM ANALYZE items"))
    # The row behind which the last page starts.
    order = f"{sort.removeprefix('-')} {'ASC' if sort.startswith('-') else 'DESC'}"
    statement = text(f"SELECT id, name FROM items ORDER BY {order} OFFSET {PAGE} LIMIT 1")
    row = (await db_session.execute(statement)).one()
    position = Position(sort, getattr(row, sort.removeprefix("-")), row.id)
    cursors = Cursors(app.state.settings.secret_key.get_secret_value())
    last_page = {"sort": sort, "cursor": cursors.encode(position)}
    pairs = [
        (await milliseconds(client, {"sort": sort}), await milliseconds(client, last_page))
        for _ in range(PAIRS)
    ]
    first, last = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(last / first for first, last in pairs)
    print(f"\nsort={sort}: first page {first:.2f} ms, last page {last:.2f} ms, ratio {ratio:.2f}")
