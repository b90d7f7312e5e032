from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.settings import Settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Raises ValueError if production lacks a setting."""
    settings: Settings = app.state.settings
    if settings.environment == "production" and settings.frontend_url is None:
        raise ValueError("set FRONTEND_URL: the address of the pages that links in mail lead to")
    yield
