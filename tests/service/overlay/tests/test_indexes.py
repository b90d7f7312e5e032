"""What lists sort and filter by is read from an index: a page costs the same in a long table.

Runs inside a rendered project with a resource of every type that can be indexed.
"""

import datetime as dt
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import Text, cast, event, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.pagination import Cursors, Position
from app.resources.indexed.models import Indexed
from app.resources.indexed.schemas import IndexedQuery

FILL = """
    INSERT INTO makers (name) VALUES ('one'), ('other');
    INSERT INTO indexeds (
        code, name, title, note, remark, summary, contact, website, count, rank, weight,
        share, price, discount, active, born, seen_at, token, data, state, maker_id, created_at
    )
    SELECT
        number % 500, repeat('x', number % 50), 'title ' || number, repeat('x', 200), '', '',
        number || '@example.com', 'https://example.com/' || number, number % 7,
        number % 1000 + 1, number / 3.0, 1.0 / number, number / 7.0, number % 999,
        number % 2 = 0, date '2000-01-01' + number % 3000,
        timestamptz '2026-01-01' + number * interval '1 s', gen_random_uuid(), '{}',
        (ARRAY['fresh', 'used', 'gone'])[number % 3 + 1],
        (SELECT min(id) FROM makers) + number % 2,
        timestamptz '2026-01-01' + number * interval '1 s'
    FROM generate_series(1, 20000) AS number;
    ANALYZE indexeds
"""
FILTERS = [*(IndexedQuery.model_fields.keys() - {"limit", "cursor", "sort"})]
SORTS = IndexedQuery.model_json_schema()["properties"]["sort"]["enum"]

MAX_BLOCKS = 150
"""Of 8 kB, of the thousand that the table has: each of the 20 rows of a page may be in another one,
and is found by its id."""


Sent = tuple[str, Any]
"""A statement, and its parameters."""


async def get(client: AsyncClient, engine: AsyncEngine, path: str, query: dict[str, Any]) -> Sent:
    """The last statement that a page takes."""
    sent: list[Sent] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    response = await client.get(path, params=query)
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert response.json()["items"]
    return sent[-1]


async def cursor(app: FastAPI, engine: AsyncEngine, sort: str) -> str:
    """The cursor of the row in the middle of the table."""
    name = sort.removeprefix("-")
    key = getattr(Indexed, name)
    statement = (
        select(cast(key, Text), Indexed.id).order_by(key, Indexed.id).offset(10_000).limit(1)
    )
    async with engine.connect() as connection:
        value, id = (await connection.execute(statement)).one()
    cursors = Cursors(app.state.settings.secret_key.get_secret_value(), "/indexeds")
    position = Position(type(key.type).__name__, value, id)
    return cursors.encode(position, IndexedQuery.model_validate({"sort": sort}))


async def explain(engine: AsyncEngine, sent: Sent) -> dict[str, Any]:
    statement, parameters = sent
    async with engine.connect() as connection:
        explained = await connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
        )
        plan: dict[str, Any] = explained.scalar_one()[0]["Plan"]
        return plan


def blocks(plan: dict[str, Any]) -> int:
    hit: int = plan["Shared Hit Blocks"]
    read: int = plan["Shared Read Blocks"]
    return hit + read


def in_a_url(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


@pytest.mark.committed
async def test_pages_of_a_long_table_are_read_from_an_index(
    app: FastAPI, client: AsyncClient, db_session: AsyncSession, engine: AsyncEngine
) -> None:
    for statement in FILL.split(";"):
        await db_session.execute(text(statement))
    row = (await db_session.execute(text("SELECT * FROM indexeds WHERE count = 3 LIMIT 1"))).one()
    filters = {name: in_a_url(getattr(row, name)) for name in FILTERS}
    nested = f"/makers/{row.maker_id}/indexeds"
    queries: list[tuple[str, dict[str, Any]]] = [
        *(("/indexeds", {name: value}) for name, value in filters.items()),
        *((nested, {"sort": sort}) for sort in ("id", "-id")),
    ]
    for sort in SORTS:
        middle = await cursor(app, engine, sort)
        queries += [("/indexeds", {"sort": sort}), ("/indexeds", {"sort": sort, "cursor": middle})]
    plans = {}
    for path, query in queries:
        plans[f"{path}?{query}"] = await explain(engine, await get(client, engine, path, query))
    assert {query: plan for query, plan in plans.items() if blocks(plan) > MAX_BLOCKS} == {}
    assert [query for query, plan in plans.items() if "Seq Scan" in str(plan)] == []
