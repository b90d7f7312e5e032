"""What lists sort and filter by is read from an index: a page costs the same in a long table.

Runs inside a rendered project with resources of every type that can be indexed: one whose fields
have a value in every row, and one whose fields have none in every second row.
"""

import datetime as dt
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.crud import Crud, _order
from app.models import Base
from app.pagination import Cursors, ListQuery, Position
from app.resources.indexed.models import Indexed
from app.resources.indexed.schemas import IndexedQuery
from app.resources.optional.models import Optional
from app.resources.optional.schemas import OptionalQuery
from tests.integration.test_pages import SampleNote, notes

__all__ = ["notes"]  # a fixture, which pytest finds in this module

FILL = """
    INSERT INTO makers (name) VALUES ('one'), ('other');
    INSERT INTO indexeds (
        code, name, title, note, remark, summary, contact, website, count, rank, weight, share,
        price, discount, active, born, seen_at, token, data, state, maker_id, created_at
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

MAX_BLOCKS = 150
"""Of 8 kB, of the thousand that the table has: each of the 20 rows of a page may be in another one,
and is found by its id. An order of several parts looks at as many rows of each."""

Sent = tuple[str, Any]
"""A statement, and its parameters."""


async def get(client: AsyncClient, engine: AsyncEngine, path: str, query: dict[str, Any]) -> Sent:
    """The last statement that a page takes, but for that of its pairs."""
    sent: list[Sent] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if not statement.startswith(f"SELECT {path.rpartition('/')[2].removesuffix('s')}_helpers"):
            sent.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    response = await client.get(path, params=query)
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert response.json()["items"]
    return sent[-1]


async def cursor(
    app: FastAPI, engine: AsyncEngine, model: type[Base], query: ListQuery, offset: int
) -> str:
    """The cursor of the row at this place in the table."""
    order = _order(model, query.sort, Crud.page_bytes)
    statement = select(order.text, model.id).order_by(*order.columns).offset(offset).limit(1)
    async with engine.connect() as connection:
        value, id = (await connection.execute(statement)).one()
    cursors = Cursors(app.state.settings.secret_key.get_secret_value(), f"/{model.__tablename__}")
    return cursors.encode(Position(order.type, value, id), query)


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
    columns = [
        name
        for name in IndexedQuery.model_fields.keys() - ListQuery.model_fields.keys()
        if name in Indexed.__table__.columns
    ]
    half = ", ".join(f"CASE WHEN id % 2 = 0 THEN {column} END" for column in columns)
    copy = f"INSERT INTO optionals ({', '.join(columns)}, created_at) SELECT {half}, created_at"
    await db_session.execute(text(f"{copy} FROM indexeds ORDER BY id"))
    await db_session.execute(text("ANALYZE optionals"))
    for one in ("indexed", "optional"):
        for rows, maker in (("id % 2000 = 0", 1), ("true", 2)):
            pairs = f"INSERT INTO {one}_helpers SELECT id, {maker} FROM {one}s WHERE {rows}"
            await db_session.execute(text(pairs))
        await db_session.execute(text(f"ANALYZE {one}_helpers"))
    # As VACUUM does: new rows wait in a list, which each search reads.
    await db_session.execute(text("SELECT gin_clean_pending_list('ix_optionals_q')"))
    found = "SELECT * FROM indexeds WHERE count = 3 AND id % 2 = 0 ORDER BY id OFFSET 500 LIMIT 1"
    row = (await db_session.execute(text(found))).one()
    plans, slow = [], {}
    for model, schema in ((Indexed, IndexedQuery), (Optional, OptionalQuery)):
        path = f"/{model.__tablename__}"
        queries: list[tuple[str, dict[str, Any]]] = [
            *((path, {column: in_a_url(getattr(row, column))}) for column in columns),
            *((f"/makers/{row.maker_id}{path}", {"sort": sort}) for sort in ("id", "-id")),
        ]
        for sort in schema.model_json_schema()["properties"]["sort"]["enum"]:
            queries.append((path, {"sort": sort}))
            for offset in (5_000, 15_000):
                start = schema.model_validate({"sort": sort})
                middle = await cursor(app, engine, model, start, offset)
                queries.append((path, {"sort": sort, "cursor": middle}))
        queries += [(path, {"helpers": id, "sort": "-id"}) for id in (1, 2)]
        if "q" in schema.model_fields:
            queries += [(path, {"q": f"title {row.id}"}), (path, {"q": "title", "sort": "-id"})]
        for bound in {"created_at_from", "created_at_before", *schema.model_fields} - {
            *("limit", "cursor", "sort", "q", "helpers"),
            *columns,
        }:
            column = bound.rpartition("_")[0]
            value = in_a_url(getattr(row, column))
            queries += [(path, {bound: value, "sort": sort}) for sort in (column, f"-{column}")]
        for path, query in queries:
            plan = await explain(engine, await get(client, engine, path, query))
            plans.append(plan)
            parts = len(_order(model, query.get("sort", "id"), Crud.page_bytes).parts) or 1
            if blocks(plan) > parts * MAX_BLOCKS:
                slow[f"{path}?{query}"] = plan
    assert slow == {}
    assert [plan for plan in plans if "Seq Scan" in str(plan)] == []


async def test_a_page_of_a_short_table_is_read_from_an_index(
    notes: AsyncSession, engine: AsyncEngine
) -> None:
    fill = "INSERT INTO test_notes (text) SELECT 'note ' || n FROM generate_series(1, 1000) AS n"
    await notes.execute(text(fill))
    await notes.execute(text("ANALYZE test_notes"))
    order = _order(SampleNote, "id", Crud.page_bytes)
    page = order.select_page(order.rows, None, ListQuery().limit)
    compiled = page.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})
    plan = await explain(engine, (str(compiled), ()))
    assert "Seq Scan" not in str(plan)
