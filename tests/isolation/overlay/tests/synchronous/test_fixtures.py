"""Synchronous tests and the fixtures. They run apart from `rows`, whose choice of an event loop
pytest-asyncio passes to asynchronous tests alone."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from probe.models import Account
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from dev.isolation import DatabaseIsolation


@pytest.mark.parametrize("attempt", ["first", "second"])
def test_a_synchronous_test_can_use_all_fixtures(
    isolation: DatabaseIsolation,
    engine: AsyncEngine,
    app: FastAPI,
    client: httpx.AsyncClient,
    production_client: httpx.AsyncClient,
    db_session: AsyncSession,
    attempt: str,
) -> None:
    assert app.state.engine is engine
    db_session.add(Account(name="pending"))
    assert isolation.run(client.post("/accounts", json={"name": "a"})).status_code == 201
    assert isolation.run(production_client.get("/names")).json() == ["a"]
    assert isolation.run(db_session.scalar(text("SELECT count(*) FROM accounts"))) == 2


def test_work_of_a_fixture_that_is_interrupted_is_cancelled(isolation: DatabaseIsolation) -> None:
    """As by Ctrl+C: what was going on must not go on in the next test."""
    ended: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    async def work() -> None:
        asyncio.get_running_loop().call_later(0.01, interrupt)
        try:
            await asyncio.sleep(10)
        finally:
            ended.append("cancelled")

    with pytest.raises(KeyboardInterrupt):
        isolation.run(work())
    assert ended == ["cancelled"]
