"""Health checks for the platform that runs the service.

`live` fails if the process does not respond and should be restarted. `ready` fails while the
process cannot serve requests and should not receive any.
"""

import asyncio
import logging

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import UnavailableError, problem_docs

TIMEOUT = 2.0  # seconds to wait for the database

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: str = "ok"


@router.get("/live")
async def live() -> Health:
    return Health()


@router.get("/ready", responses=problem_docs(503))
async def ready(request: Request) -> Health:
    engine: AsyncEngine = request.app.state.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with asyncio.timeout(TIMEOUT), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:
        logger.warning("not ready: %s", error)
        raise UnavailableError("The database is not responding.") from error
    return Health()
