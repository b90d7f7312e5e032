"""Serves a WebSocket: sends what a subscription brings, and takes what the client sends."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect
from pydantic_core import from_json
from starlette.status import WS_1003_UNSUPPORTED_DATA

from app.realtime.hub import Ending, Subscription
from app.realtime.notices import MAX_PAYLOAD

SUBPROTOCOL = "realtime"
"""Browsers want one of the subprotocols that they offer, and send a token as another one."""

HEARTBEAT = 20.0
"""Seconds without a message after which the client is sent a heartbeat."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to take note that the service closes the connection."""

ONLY_LISTENS = Ending(WS_1003_UNSUPPORTED_DATA, "Nothing can be sent here.")

CLIENT_LEFT = (WebSocketDisconnect, RuntimeError)
"""What Starlette raises if something is sent to a client that has left: first this, then that."""

OnMessage = Callable[[object], Awaitable[None]]
"""Gets what the client sends, parsed. It may raise ValueError to say what is wrong with it."""


async def serve(
    socket: WebSocket, subscription: Subscription, on_message: OnMessage | None = None
) -> None:
    """Accept the connection, and serve it until either side ends it."""
    offers = SUBPROTOCOL in socket.scope["subprotocols"]
    await socket.accept(SUBPROTOCOL if offers else None)
    tasks = {
        asyncio.create_task(_send(socket, subscription)),
        asyncio.create_task(_receive(socket, subscription, on_message)),
        asyncio.create_task(subscription.wait_ended()),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if subscription.ending is not None:
        # A slow client would not even take this.
        with suppress(TimeoutError, *CLIENT_LEFT):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await socket.close(*subscription.ending)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result


async def _send(socket: WebSocket, subscription: Subscription) -> None:
    with suppress(*CLIENT_LEFT):
        await _send_all(socket, subscription)
    # The client has left, or the subscription has ended. What the client had sent before may not
    # have been received yet: the connection ends when `_receive` does.
    await subscription.wait_ended()


async def _send_all(socket: WebSocket, subscription: Subscription) -> None:
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT):
                message = await anext(subscription, None)
        except TimeoutError:
            await socket.send_json({"type": "heartbeat"})
            continue
        if message is None:
            return
        await socket.send_text(message.text)


async def _receive(
    socket: WebSocket, subscription: Subscription, on_message: OnMessage | None
) -> None:
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            return
        if on_message is None:
            subscription.end(ONLY_LISTENS)
            return
        try:
            await on_message(_parse(received.get("text")))
        except ValueError as error:
            with suppress(*CLIENT_LEFT):
                await socket.send_text(json.dumps({"type": "error", "detail": str(error)}))


def _parse(text: str | None) -> object:
    if text is None:
        raise ValueError("a message has to be text, not bytes")
    if len(text) > MAX_PAYLOAD:
        raise ValueError(f"the message has {len(text)} characters; the maximum is {MAX_PAYLOAD}")
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        raise ValueError("the message is not JSON") from None
