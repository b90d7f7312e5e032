"""The endpoints: each as server-sent events and as WebSocket, under the same path."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, WebSocket
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection

from app.database import Sessionmaker
from app.database_connections import reason_of
from app.errors import InvalidInputError, NotFoundError, problem_docs
from app.realtime import changes, channels
from app.realtime.access import PROBLEMS, ViewerDep
from app.realtime.channels import ChannelName, publish
from app.realtime.event_streams import EventStream
from app.realtime.hub import Hub, Subscription
from app.realtime.websockets import serve

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/realtime", tags=["realtime"], responses=problem_docs(*PROBLEMS, 503))


async def follow_changes(
    connection: HTTPConnection,
    viewer: ViewerDep,
    resource: Annotated[list[str] | None, Query(examples=[["items"]])] = None,
) -> AsyncIterator[Subscription]:
    for name in set(resource or ()) - changes.announced_resources():
        raise InvalidInputError(f"There is no resource '{name}'.", "query", "resource")
    hub: Hub = connection.app.state.realtime
    topics = {changes.topic(name) for name in resource or (None,)}
    with hub.subscribe(topics, viewer) as subscription:
        await hub.ready()
        yield subscription


async def follow_channel(
    connection: HTTPConnection, viewer: ViewerDep, channel: ChannelName
) -> AsyncIterator[Subscription]:
    if not viewer.may_follow(channel):
        raise NotFoundError(f"Channel '{channel}' not found.")
    hub: Hub = connection.app.state.realtime
    with hub.subscribe({channels.topic(channel)}, viewer) as subscription:
        await hub.ready()
        yield subscription


ChangesDep = Annotated[Subscription, Depends(follow_changes)]
ChannelDep = Annotated[Subscription, Depends(follow_channel)]


@router.get("/changes", response_class=EventStream)
async def stream_changes(subscription: ChangesDep) -> EventStream:
    """The ids of rows that are created, updated and deleted, of all resources or of those that
    `resource` names."""
    return EventStream.of(subscription)


@router.websocket("/changes")
async def send_changes(socket: WebSocket, subscription: ChangesDep) -> None:
    await serve(socket, subscription)


@router.get("/channels/{channel}", response_class=EventStream, responses=problem_docs(404))
async def stream_channel(subscription: ChannelDep) -> EventStream:
    """The messages to a channel."""
    return EventStream.of(subscription)


@router.websocket("/channels/{channel}")
async def talk(
    socket: WebSocket, subscription: ChannelDep, viewer: ViewerDep, channel: ChannelName
) -> None:
    sessions: Sessionmaker = socket.app.state.sessions

    async def on_message(data: object) -> None:
        if not viewer.may_send_to(channel):
            raise ValueError(f"only the service sends to '{channel}'")
        try:
            async with sessions.begin() as session:
                await publish(session, channel, data, viewer.as_sender)
        except (OSError, SQLAlchemyError) as error:
            logger.error("unavailable: %s", reason_of(error))
            raise ValueError("the message was not sent; try again later") from error

    await serve(socket, subscription, on_message)
