"""What the service does for clients that leave, and for more of them than it can serve."""

import asyncio

import pytest
from fastapi import FastAPI, Request
from starlette.types import Message, Scope

from app.abandoned_requests import AbandonedRequests
from app.overload import RequestLimit

PATIENCE = 10


class Exchange:
    """A request to an application, piece by piece, as a server would pass it on."""

    def __init__(self, app: FastAPI, path: str, *headers: tuple[bytes, bytes]) -> None:
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "query_string": b"",
            "headers": [*headers],
        }
        self.sent: list[Message] = []
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.create_task(app(scope, self.incoming.get, self._send))

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    def receive(self, *messages: Message) -> None:
        for message in messages:
            self.incoming.put_nowait(message)

    async def end(self) -> list[int]:
        """The statuses that were sent when the application has ended."""
        async with asyncio.timeout(PATIENCE):
            await self.task
        return [message["status"] for message in self.sent if "status" in message]


class Service(FastAPI):
    """An endpoint that works until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.cancelled = False
        self.add_api_route("/work", self.work, methods=["POST"])
        self.add_middleware(AbandonedRequests, body_timeout=0.05)
        self.add_middleware(RequestLimit, max_requests=1)

    async def work(self, request: Request) -> str:
        await request.body()
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "done"


END: Message = {"type": "http.request", "body": b"", "more_body": False}
PIECE: Message = {"type": "http.request", "body": b"ab", "more_body": True}
LEFT: Message = {"type": "http.disconnect"}
HAS_BODY = (b"content-length", b"4")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.mark.parametrize("headers", [[], [HAS_BODY]], ids=["without a body", "with a body"])
async def test_the_work_for_a_client_that_leaves_is_cancelled(
    service: Service, headers: list[tuple[bytes, bytes]]
) -> None:
    exchange = Exchange(service, "/work", *headers)
    exchange.receive(END)
    await service.begun.wait()
    exchange.receive(LEFT)
    assert await exchange.end() == []
    assert service.cancelled


async def test_the_work_for_a_client_that_stays_is_not_cancelled(service: Service) -> None:
    exchange = Exchange(service, "/work")
    exchange.receive(END)
    await service.begun.wait()
    service.may_end.set()
    assert await exchange.end() == [200]
    assert not service.cancelled


async def test_a_body_that_does_not_arrive_in_time_is_408(service: Service) -> None:
    exchange = Exchange(service, "/work", HAS_BODY)
    exchange.receive(PIECE)
    assert await exchange.end() == [408]
    assert not service.begun.is_set()


async def test_a_request_beyond_the_limit_is_503_at_once(service: Service) -> None:
    first = Exchange(service, "/work")
    first.receive(END)
    await service.begun.wait()
    second = Exchange(service, "/work")
    assert await second.end() == [503]
    assert (b"retry-after", b"1") in second.sent[0]["headers"]
    service.may_end.set()
    assert await first.end() == [200]
    third = Exchange(service, "/work")
    third.receive(END)
    assert await third.end() == [200]
