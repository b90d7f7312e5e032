"""The smaller fixtures: counting statements, the clock, requests to the outside."""

import datetime as dt

import httpx
import pytest
import respx
from probe.models import Account
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Sessionmaker
from tests.fixtures.assert_queries import AssertQueries
from tests.fixtures.freeze_time import FreezeTime
from tests.fixtures.outgoing_requests import OutgoingRequestError


async def test_the_right_number_of_statements_passes(
    assert_queries: AssertQueries, db_session: AsyncSession
) -> None:
    with assert_queries(0):
        pass
    with assert_queries(2) as sent:
        await db_session.execute(text("SELECT 1"))
        await db_session.execute(text("SELECT 2"))
    assert sent == ["SELECT 1", "SELECT 2"]


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_a_different_number_of_statements_fails_and_lists_them(
    assert_queries: AssertQueries, db_session: AsyncSession, expected: int
) -> None:
    async def send_two() -> None:
        with assert_queries(expected):
            await db_session.execute(text("SELECT 1"))
            await db_session.execute(text("SELECT 2"))

    with pytest.raises(pytest.fail.Exception) as failed:
        await send_two()
    assert f"expected {expected} statements, but 2 were sent" in str(failed.value)
    assert "1. SELECT 1\n2. SELECT 2" in str(failed.value)


async def test_commits_do_not_count(assert_queries: AssertQueries, sessions: Sessionmaker) -> None:
    with assert_queries(1):
        async with sessions.begin() as session:
            session.add(Account(name="a"))


async def test_an_error_within_the_block_is_raised_unchanged(assert_queries: AssertQueries) -> None:
    with pytest.raises(LookupError), assert_queries(5):
        raise LookupError


MOMENT = dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_time_stands_still_until_the_test_ends(
    freeze_time: FreezeTime, db_session: AsyncSession, attempt: str
) -> None:
    assert dt.datetime.now(dt.UTC).year < 2030
    freeze_time(MOMENT)
    assert dt.datetime.now(dt.UTC) == MOMENT
    freeze_time(MOMENT + dt.timedelta(days=1))
    assert dt.datetime.now(dt.UTC) == MOMENT + dt.timedelta(days=1)
    now = (await db_session.execute(select(func.now()))).scalar_one()
    assert now.year < 2030  # the database has a clock of its own


async def test_a_time_without_a_zone_is_refused(freeze_time: FreezeTime) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        freeze_time(MOMENT.replace(tzinfo=None))


async def test_outgoing_requests_are_refused_and_the_error_says_what_to_do() -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(OutgoingRequestError, match=r"GET https://example.com/x.*respx_mock"):
            await client.get("https://example.com/x")


async def test_synchronous_outgoing_requests_are_refused() -> None:
    with httpx.Client() as client, pytest.raises(OutgoingRequestError, match="POST"):
        client.post("https://example.com/x")


async def test_a_test_can_define_the_response_to_a_request(respx_mock: respx.MockRouter) -> None:
    respx_mock.get("https://example.com/rates").respond(json={"EUR": 1.0})
    async with httpx.AsyncClient() as client:
        assert (await client.get("https://example.com/rates")).json() == {"EUR": 1.0}
        with pytest.raises(AssertionError):
            await client.get("https://example.com/other")


async def test_requests_to_this_machine_are_allowed() -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:1/")
