"""The clients of this process, and the messages that wait for each of them."""

import asyncio
import json
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from starlette.status import WS_1013_TRY_AGAIN_LATER

from app.errors import UnavailableError
from app.realtime.access import Viewer
from app.realtime.notices import parse

BACKLOG = 100
"""Messages that may wait for a client; one that is slower is cut off."""

READY_TIMEOUT = 5.0
"""Seconds that a new client waits for the connection that listens."""

logger = logging.getLogger(__name__)


class Message(NamedTuple):
    type: str
    text: str
    """The whole message as JSON."""


class Ending(NamedTuple):
    """Why the service ends a connection; the code is a WebSocket's."""

    code: int
    reason: str


RESET = Message("reset", json.dumps({"type": "reset"}))
"""Messages may have been lost: clients should read anew what they show."""

TOO_SLOW = Ending(WS_1013_TRY_AGAIN_LATER, "The client reads too slowly.")


class Subscription:
    """The messages to one client, in order. An iteration over them waits for the next one, and ends
    when the service ends the connection."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.ending: Ending | None = None
        self._messages: deque[Message] = deque()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()

    def put(self, message: Message) -> None:
        """Never waits: one client must not keep the others waiting."""
        if len(self._messages) >= BACKLOG:
            self.end(TOO_SLOW)
        elif self.ending is None:
            self._messages.append(message)
            self._news.set()

    def end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self._messages.clear()
            self._news.set()
            self._ended.set()

    async def wait_ended(self) -> None:
        await self._ended.wait()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        while not self._messages:
            if self.ending is not None:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()


class Hub:
    """Passes what the listener hears on to the clients of this process."""

    def __init__(self, max_clients: int) -> None:
        self.wanted = asyncio.Event()
        """Set when there has been a client: nobody needs to listen before."""

        self.max_clients = max_clients
        self._clients: set[Subscription] = set()
        self._by_topic: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._listening = asyncio.Event()
        self._has_listened = False

    @property
    def clients(self) -> frozenset[Subscription]:
        return frozenset(self._clients)

    @contextmanager
    def subscribe(self, topics: Collection[str], viewer: Viewer) -> Iterator[Subscription]:
        """Messages to the topics, such as `changes/items`, or `changes` for all that begin so.

        Raises UnavailableError if too many clients are connected.
        """
        if len(self._clients) >= self.max_clients:
            raise UnavailableError("Too many clients are connected; try again later.")
        subscription = Subscription(viewer)
        self._clients.add(subscription)
        for topic in topics:
            self._by_topic[topic].add(subscription)
        self.wanted.set()
        try:
            yield subscription
        finally:
            self._clients.discard(subscription)
            for topic in topics:
                self._by_topic[topic].discard(subscription)
                if not self._by_topic[topic]:
                    del self._by_topic[topic]

    async def ready(self) -> None:
        """Wait until messages arrive. Raises UnavailableError if that takes too long."""
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await self._listening.wait()
        except TimeoutError:
            detail = "The service does not hear of changes at the moment; try again later."
            raise UnavailableError(detail) from None

    # What the listener calls

    def begin(self) -> None:
        """From now on nothing is missed; what was sent since the last `pause` may have been."""
        if self._has_listened:
            for client in self._clients:
                client.put(RESET)
        self._has_listened = True
        self._listening.set()

    def pause(self) -> None:
        self._listening.clear()

    def hear(self, payload: str) -> None:
        try:
            notice = parse(payload)
            group, _, _ = notice.topic.partition("/")
            clients = (*self._by_topic.get(notice.topic, ()), *self._by_topic.get(group, ()))
            message = Message(notice.message["type"], json.dumps(notice.message))
        except Exception:  # whatever others may send
            logger.warning("heard a notification that the service has not sent")
            return
        for client in clients:
            if client.viewer.may_see_rows_of(notice.owner_id):
                client.put(message)
