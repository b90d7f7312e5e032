from shop.settings import Settings
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

settings = Settings()
engine = create_async_engine(settings.database_url, pool_size=settings.pool_size)
SessionLocal = async_sessionmaker(engine)
