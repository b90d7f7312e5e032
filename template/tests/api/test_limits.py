from fastapi import FastAPI
from httpx import AsyncClient

from app.settings import Settings
from tests.api.contract import assert_problem


async def test_a_body_that_exceeds_the_limit_is_413(app: FastAPI, client: AsyncClient) -> None:
    settings: Settings = app.state.settings
    response = await client.post("/health/live", content=b"x" * (settings.max_body_size + 1))
    assert_problem(response, 413)
