from fastapi import FastAPI
from httpx import AsyncClient

from app.settings import Settings


async def test_a_body_that_announces_to_be_too_long_is_refused(
    app: FastAPI, client: AsyncClient
) -> None:
    settings: Settings = app.state.settings
    response = await client.post("/health/live", content=b"x" * (settings.max_body_size + 1))
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
