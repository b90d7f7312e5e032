"""The clock of the database."""

import datetime as dt
import time

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

PAUSE = 2.5


@pytest.fixture(scope="module", autouse=True)
def pause() -> None:
    """A fixture or test without a database that takes long."""
    time.sleep(PAUSE)


async def test_now_is_no_earlier_than_the_test(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        now = await connection.scalar(select(func.now()))
    assert now is not None
    assert dt.datetime.now(dt.UTC) - now < dt.timedelta(seconds=PAUSE - 0.5)
