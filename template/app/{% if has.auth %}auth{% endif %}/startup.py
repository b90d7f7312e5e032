from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.database import create_read_sessionmaker
from app.settings import Settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Raises ValueError if production lacks a setting."""
    settings: Settings = app.state.settings
    if settings.environment == "production" and settings.frontend_url is None:
        raise ValueError("set FRONTEND_URL: the address of the pages that links in mail lead to")
    # Not `read_sessions`: a replica to which these may lead lags behind, and lets nobody write.
    app.state.auth_sessions = create_read_sessionmaker(app.state.engine, settings)
    yield
