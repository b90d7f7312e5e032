from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.mail.messages import check_sender
from app.mail.transports import make_transport
from app.settings import Settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Raises ValueError if a setting is invalid, or missing in production."""
    settings: Settings = app.state.settings
    if settings.mail_from is not None:
        check_sender(settings.mail_from)
    elif settings.environment == "production":
        raise ValueError("set MAIL_FROM: the address that mail comes from")
    app.state.mail_transport = make_transport(settings)
    yield
