from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from shop.database import create_engine
from shop.models import Product
from shop.settings import Settings


class ProductIn(BaseModel):
    sku: str
    stock: int = 0


async def get_db(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


Db = Annotated[AsyncSession, Depends(get_db)]


def create_app(engine: AsyncEngine | None = None) -> FastAPI:
    engine = engine or create_engine(Settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.sessions = async_sessionmaker(engine)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/products")
    async def list_products(db: Db) -> list[str]:
        return list(await db.scalars(select(Product.sku).order_by(Product.sku)))

    @app.post("/products", status_code=201)
    async def create_product(product: ProductIn, db: Db) -> str:
        db.add(Product(**product.model_dump()))
        await db.commit()
        return product.sku

    return app
