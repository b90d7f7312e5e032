"""What a test of the API takes, with the features that the service has.

Runs inside a rendered project (`nox -s bench -- features`) with the plugin `stopwatch`.
"""

import importlib.util
import itertools

import httpx
import pytest

ROUNDS = 200
# Logged in, and for a tenant, if there are users and tenants.
CLIENT = "client" if importlib.util.find_spec("app.tenancy") is None else "client_as_tenant_a"

numbers = itertools.count()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("round", range(ROUNDS))


@pytest.fixture
def api_client(request: pytest.FixtureRequest) -> httpx.AsyncClient:
    client: httpx.AsyncClient = request.getfixturevalue(CLIENT)
    return client


async def test_empty(round: int) -> None:
    pass


async def test_api_client(api_client: httpx.AsyncClient, round: int) -> None:
    pass


async def test_post_and_get(api_client: httpx.AsyncClient, round: int) -> None:
    created = await api_client.post("/items", json={"name": f"name {next(numbers)}"})
    assert created.status_code == 201
    assert (await api_client.get(created.headers["location"])).status_code == 200
