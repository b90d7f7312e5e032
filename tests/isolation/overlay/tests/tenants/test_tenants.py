"""A poller, a listener, a replica and tenants work in every test, and leave nothing behind."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

TENANTS = ("red", "green", "blue")


@pytest.fixture(autouse=True)
async def clean_start(app: FastAPI, db_session: AsyncSession) -> None:
    assert await db_session.scalar(text("SELECT count(*) FROM memos")) == 0
    app.state.background.heard.clear()


async def write(client: AsyncClient, tenant: str, body: str) -> None:
    response = await client.post("/memos", params={"body": body}, headers={"tenant": tenant})
    assert response.status_code == 201


async def read(client: AsyncClient, tenant: str) -> list[str]:
    bodies: list[str] = (await client.get("/memos", headers={"tenant": tenant})).json()
    return bodies


@pytest.mark.parametrize("attempt", range(3))
async def test_each_tenant_reads_its_own_memos_through_the_replica(
    client: AsyncClient, attempt: int
) -> None:
    for tenant in TENANTS:
        await write(client, tenant, f"{attempt} of {tenant}")
    for tenant in TENANTS:
        assert await read(client, tenant) == [f"{attempt} of {tenant}"]


async def test_tenants_that_write_at_once_are_kept_apart(client: AsyncClient) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            for tenant in TENANTS:
                group.create_task(write(client, tenant, f"{number} of {tenant}"))
    for tenant in TENANTS:
        assert await read(client, tenant) == [f"{number} of {tenant}" for number in range(5)]


async def test_tenants_that_read_at_once_are_kept_apart(client: AsyncClient) -> None:
    for tenant in TENANTS:
        await write(client, tenant, tenant)
    found = await asyncio.gather(*(read(client, tenant) for tenant in TENANTS * 5))
    assert found == [[tenant] for tenant in TENANTS * 5]


@pytest.mark.parametrize("attempt", range(3))
async def test_the_listener_hears_and_the_poller_delivers(
    app: FastAPI, client: AsyncClient, db_session: AsyncSession, attempt: int
) -> None:
    await write(client, "red", "a memo")
    for _ in range(1000):
        delivered = await db_session.scalar(text("SELECT bool_and(delivered) FROM memos"))
        if delivered and app.state.background.heard:
            break
        await asyncio.sleep(0.002)
    assert delivered
    assert app.state.background.heard == ["a memo"]
    assert not app.state.poller.done()
