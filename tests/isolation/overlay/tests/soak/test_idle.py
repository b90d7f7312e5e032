"""As many tests that do nothing, with as many fixtures of the same kinds as those of the database:
what pytest itself keeps of each."""

import asyncio
from collections.abc import AsyncIterator

import pytest


@pytest.fixture(scope="session")
def one() -> int:
    return 1


@pytest.fixture(scope="session")
def two() -> int:
    return 2


@pytest.fixture(scope="session")
def three() -> int:
    return 3


@pytest.fixture
async def inner(
    request: pytest.FixtureRequest, one: int, two: int, three: int
) -> AsyncIterator[int]:
    yield one
    await asyncio.sleep(0)


@pytest.fixture
async def middle(three: int, inner: int) -> AsyncIterator[int]:
    yield three
    await asyncio.sleep(0)


@pytest.fixture
async def outer(middle: int) -> AsyncIterator[int]:
    yield middle
    await asyncio.sleep(0)


@pytest.fixture(autouse=True)
async def nothing(outer: int) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("number", range(5000))
async def test_one_of_many(outer: int, inner: int, number: int) -> None:
    await asyncio.sleep(0)
