"""Server-sent events as a browser reads them."""

import asyncio
import json
from typing import Any

import httpx

TIMEOUT = 60.0  # seconds


class Events:
    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def receive(self) -> Any:
        """The data of the next event. Comments are no events."""
        async with asyncio.timeout(TIMEOUT):
            async for line in self._lines:
                if line.startswith("data: "):
                    return json.loads(line.removeprefix("data: "))
        raise AssertionError("the stream has ended")
