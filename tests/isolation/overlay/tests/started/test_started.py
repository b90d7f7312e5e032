"""Tests of an application that writes to its database when it starts."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from probe.models import Account
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from dev.isolation import DatabaseIsolation


async def names(client: AsyncClient) -> list[str]:
    found: list[str] = (await client.get("/names")).json()
    return found


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_what_the_start_writes_is_there(client: AsyncClient, attempt: str) -> None:
    assert await names(client) == ["started"]


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_what_the_start_writes_is_there_again_after_a_change(
    client: AsyncClient, db_session: AsyncSession, attempt: str
) -> None:
    assert await names(client) == ["started"]
    account = await db_session.get_one(Account, 1)
    await db_session.delete(account)
    await db_session.flush()
    assert await names(client) == []


@pytest.mark.parametrize("attempt", ["first", "second", "third"])
async def test_what_listens_since_the_start_hears_in_every_test(
    app: FastAPI, db_session: AsyncSession, attempt: str
) -> None:
    await db_session.execute(text("NOTIFY news, 'none'"))
    await db_session.execute(text("SELECT pg_notify('news', :attempt)"), {"attempt": attempt})
    assert await asyncio.wait_for(app.state.heard.get(), 60) == "none"
    assert await asyncio.wait_for(app.state.heard.get(), 60) == attempt
    await app.state.listening.execute("UNLISTEN *")


@pytest.mark.committed
@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_what_the_start_writes_is_there_on_a_clone(client: AsyncClient, attempt: str) -> None:
    assert await names(client) == ["started"]


async def test_the_database_is_lost(client: AsyncClient, isolation: DatabaseIsolation) -> None:
    assert await names(client) == ["started"]
    await isolation.sandbox.physical.connection.execute("COMMIT")


async def test_what_the_start_writes_is_there_after_the_loss(client: AsyncClient) -> None:
    assert await names(client) == ["started"]


async def test_what_the_start_writes_is_there_without_the_application(
    db_session: AsyncSession,
) -> None:
    assert (await db_session.get_one(Account, 1)).name == "started"
