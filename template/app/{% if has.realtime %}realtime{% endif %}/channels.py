"""Channels: messages of clients and of the service to whoever follows a channel."""

import secrets
from typing import Annotated, Any

from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from app.realtime.access import Sender
from app.realtime.notices import Notice, notify

ChannelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]


def topic(channel: str) -> str:
    return f"channels/{channel}"


async def publish(
    session: AsyncSession, channel: str, data: Any, sender: Sender | None = None
) -> None:
    """Send `data`, which is anything that JSON can say, to all who follow the channel, if and when
    the session is committed.

    Raises ValueError if the message takes more than 7,999 bytes, or is no JSON.
    """
    message = {
        "type": "message",
        "channel": channel,
        "id": secrets.token_hex(8),  # else PostgreSQL would send equal messages only once
        "sender": sender,
        "data": data,
    }
    await session.execute(*notify(Notice(topic(channel), message)))
