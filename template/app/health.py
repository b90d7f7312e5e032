"""Health checks for the platform that runs the service.

`live` fails if the process does not respond and should be restarted. `ready` fails while the
process cannot serve requests because the database is gone. It does not fail if the database is
busy: all processes would be taken out of service, for what others would have to do as well.
"""

import asyncio
import logging
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from app.database import for_reading
from app.database_connections import dispose, reason_of
from app.errors import UnavailableError, problem_docs
from app.settings import Settings

TIMEOUT = 2.0  # seconds to wait for the database

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok", "busy"] = "ok"


class DatabaseProbe:
    """Asks the database over a connection of its own, which no request can hold."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._requests = engine
        self._max_connections = settings.database_pool_size + settings.database_max_overflow
        own = create_async_engine(engine.url, pool=engine.pool.recreate())
        self._engine = for_reading(own, settings)
        self._turn = asyncio.Lock()  # for only one connection

    async def ask(self) -> None:
        """Raise what the driver raises, or TimeoutError, if the database does not answer."""
        async with asyncio.timeout(TIMEOUT), self._turn, self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    def is_busy(self) -> bool:
        """Whether requests use all the connections that they may use."""
        pool = self._requests.pool
        return isinstance(pool, QueuePool) and pool.checkedout() >= self._max_connections

    async def close(self) -> None:
        await dispose(self._engine)


@router.get("/live")
async def live() -> Health:
    return Health()


@router.get("/ready", responses=problem_docs(503))
async def ready(request: Request) -> Health:
    probe: DatabaseProbe = request.app.state.probe
    try:
        await probe.ask()
    except Exception as error:
        logger.error("not ready: %s", reason_of(error))
        raise UnavailableError("The database is not responding.") from error
    if probe.is_busy():
        logger.warning("busy: all connections to the database are in use")
        return Health(status="busy")
    return Health()
