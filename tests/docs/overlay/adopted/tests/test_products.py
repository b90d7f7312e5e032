import pytest
from httpx import AsyncClient
from shop.models import Product
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession


async def test_a_created_product_is_stored(
    client: AsyncClient, db_session: AsyncSession, lamp: dict[str, object]
) -> None:
    response = await client.post("/products", json=lamp)
    assert response.status_code == 201
    assert (await db_session.get_one(Product, "lamp")).stock == 3


async def test_there_are_no_products_at_first(client: AsyncClient) -> None:
    assert (await client.get("/products")).json() == []


@pytest.mark.committed
async def test_a_reserved_product_is_skipped(
    client: AsyncClient, engine: AsyncEngine, lamp: dict[str, object]
) -> None:
    await client.post("/products", json=lamp)
    free = select(Product.sku).with_for_update(skip_locked=True)
    async with engine.connect() as one, engine.connect() as two:
        assert (await one.scalars(free)).all() == ["lamp"]
        assert (await two.scalars(free)).all() == []
