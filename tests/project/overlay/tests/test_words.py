"""Tests that would see what another has left."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import dev


@pytest.mark.parametrize("word", ["first", "second"])
async def test_what_a_test_commits_is_undone(engine: AsyncEngine, word: str) -> None:
    assert await add(engine, word) == [word]


@pytest.mark.committed
@pytest.mark.parametrize("word", ["third", "fourth"])
async def test_what_is_committed_for_good_is_on_a_database_of_the_test(
    engine: AsyncEngine, word: str
) -> None:
    assert await add(engine, word) == [word]


async def add(engine: AsyncEngine, word: str) -> list[str]:
    """Commit a word; return all there are."""
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT word FROM words ORDER BY word")))


def test_nothing_of_the_service_was_imported() -> None:
    assert Path(dev.__file__).parents[1] == Path(__file__).parents[1]
    assert {name for name in sys.modules if name.partition(".")[0] == "app"} == set()
