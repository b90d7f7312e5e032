from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shop.settings import Settings


def create_engine(settings: Settings, **options: Any) -> AsyncEngine:
    return create_async_engine(settings.database_url, pool_size=settings.pool_size, **options)
