"""The one connection of this process that listens."""

import asyncio
import logging
from asyncio import sleep
from random import uniform
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database import create_engine
from app.database_connections import dispose, reason_of
from app.realtime.hub import Hub
from app.realtime.notices import CHANNEL
from app.settings import Settings

FIRST_DELAY = 0.1
MAX_DELAY = 10.0
"""Seconds before the next attempt to connect; each failure doubles them."""

ASK_EVERY = 30.0
"""Seconds after which the server is asked whether the connection still works: firewalls drop idle
ones silently."""

ASK_TIMEOUT = 5.0

logger = logging.getLogger(__name__)


def make_engine(engine: AsyncEngine, settings: Settings) -> AsyncEngine:
    """The same database, without taking a connection of the requests.

    Raises ValueError if it can only be reached through a pooler, behind which nobody can listen.
    """
    if settings.realtime_database_url is not None:
        url = settings.realtime_database_url
        return create_engine(
            settings.model_copy(update={"database_url": url, "database_pooler": None})
        )
    if settings.database_pooler is not None:
        raise ValueError(
            "set REALTIME_DATABASE_URL: the URL of the server itself, since nobody can listen "
            "through a pooler in transaction mode"
        )
    return create_async_engine(engine.url, pool=engine.pool.recreate())


async def listen(engine: AsyncEngine, hub: Hub) -> None:
    """Let the hub hear what is sent, from its first client on until this task is cancelled.

    Connects again, at growing intervals, whenever the connection is lost.
    """
    await hub.wanted.wait()
    delay = FIRST_DELAY
    while True:
        try:
            await _listen_once(engine, hub)
            delay = FIRST_DELAY
            reason = "the connection was lost"
        except Exception as error:
            reason = reason_of(error)
        pause = delay * uniform(0.5, 1)  # noqa: S311  (so that not all processes come at once)
        logger.warning("not listening: %s; next attempt in %s s", reason, f"{pause:.1f}")
        await sleep(pause)
        delay = min(delay * 2, MAX_DELAY)


async def _listen_once(engine: AsyncEngine, hub: Hub) -> None:
    """Listen until the connection is lost. Raises if there is none."""

    def hear(_: object, __: int, ___: str, payload: str) -> None:
        hub.hear(payload)

    lost = asyncio.Event()

    def note_loss(_: object) -> None:
        lost.set()

    try:
        async with engine.connect() as connection:
            # The driver itself: SQLAlchemy would begin a transaction, in which nothing is heard.
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(note_loss)
            try:
                await driver.add_listener(CHANNEL, hear)
                hub.begin()
                await _wait_for_loss(driver, lost)
            finally:
                hub.pause()
                driver.remove_termination_listener(note_loss)
    finally:
        await dispose(engine)


async def _wait_for_loss(driver: Any, lost: asyncio.Event) -> None:
    while not lost.is_set():
        try:
            async with asyncio.timeout(ASK_EVERY):
                await lost.wait()
        except TimeoutError:
            await driver.fetchval("SELECT 1", timeout=ASK_TIMEOUT)
