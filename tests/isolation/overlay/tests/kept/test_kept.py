"""Tests that fail after they have written something."""

import pytest
from httpx import AsyncClient


async def test_fails(client: AsyncClient) -> None:
    assert (await client.post("/accounts", json={"name": "of the failed test"})).status_code == 201
    pytest.fail("to be looked into")


async def test_passes(client: AsyncClient) -> None:
    assert (await client.get("/names")).json() == []


@pytest.mark.committed
async def test_fails_on_a_clone(client: AsyncClient) -> None:
    assert (await client.post("/accounts", json={"name": "of the clone"})).status_code == 201
    pytest.fail("to be looked into")
