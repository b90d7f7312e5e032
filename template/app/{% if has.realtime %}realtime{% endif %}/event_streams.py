"""Serves server-sent events: sends what a subscription brings.

FastAPI's own streams, of endpoints that yield, raise an error if a client leaves while events wait
for it, and never end for one that does not read.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Message, Send

from app.realtime.hub import Subscription
from app.realtime.websockets import HEARTBEAT

RETRY_AFTER = 2000
"""Milliseconds after which a browser connects again."""

SEND_TIMEOUT = 20.0
"""Seconds that a client has to read, once so much waits for it that the system holds no more."""


class EventStream(StreamingResponse):
    """The events of a subscription, until either side ends it."""

    media_type = "text/event-stream"

    @classmethod
    def of(cls, subscription: Subscription) -> Self:
        # As FastAPI does for its own streams: nginx keeps no events back.
        return cls(_events(subscription), headers={"X-Accel-Buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_TIMEOUT):
                await send(message)

        with suppress(TimeoutError):  # the client reads too slowly, or not at all
            await super().stream_response(send_in_time)


async def _events(subscription: Subscription) -> AsyncIterator[bytes]:
    yield format_sse_event(comment="connected", retry=RETRY_AFTER)
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT):
                message = await anext(subscription, None)
        except TimeoutError:
            yield KEEPALIVE_COMMENT
            continue
        if message is None:
            return
        yield format_sse_event(event=message.type, data_str=message.text)
