"""A request acts for its tenant, and whatever comes after it does not."""

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from app.features import DEPENDENCIES
from app.main import create_app
from app.tenancy import Tenant
from app.tenancy.transactions import current
from dev.lifespan import started


async def test_a_request_acts_for_its_tenant_until_it_ends(
    app: FastAPI, engine: AsyncEngine, client_as_tenant_a: AsyncClient, tenant_a: Tenant
) -> None:
    service = create_app(app.state.settings, engine)

    @service.get("/test-loop", dependencies=DEPENDENCIES)
    async def in_the_loop() -> int | None:
        return current.get()

    @service.get("/test-thread", dependencies=DEPENDENCIES)
    def in_a_thread() -> int | None:
        return current.get()

    # Unlike that of `client`, it runs the application in the task of the test.
    transport = ASGITransport(app=service)
    headers = client_as_tenant_a.headers
    async with (
        started(service),
        AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
    ):
        for path in ("/test-loop", "/test-thread"):
            assert (await client.get(path)).json() == tenant_a.id
            assert current.get() is None
