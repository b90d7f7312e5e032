from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from shop.database import SessionLocal
from shop.models import Product
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

app = FastAPI()


class ProductIn(BaseModel):
    sku: str
    stock: int = 0


async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


Db = Annotated[AsyncSession, Depends(get_db)]


@app.get("/products")
async def list_products(db: Db) -> list[str]:
    return list(await db.scalars(select(Product.sku).order_by(Product.sku)))


@app.post("/products", status_code=201)
async def create_product(product: ProductIn, db: Db) -> str:
    db.add(Product(**product.model_dump()))
    await db.commit()
    return product.sku
