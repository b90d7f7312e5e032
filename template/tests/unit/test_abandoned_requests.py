"""What the service does for clients that leave, and for more of them than it can serve."""

import asyncio

import pytest
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import abandoned_requests
from app.abandoned_requests import AbandonedRequests
from app.overload import RequestLimit

PATIENCE = 10


class Exchange:
    """A request to an application, piece by piece, as a server would pass it on."""

    def __init__(self, app: ASGIApp, path: str, *headers: tuple[bytes, bytes]) -> None:
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
        self.task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        await app(scope, self.incoming.get, self._send)

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

    def __init__(self, body_timeout: float = PATIENCE) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.cancelled = False
        self.add_api_route("/work", self.work, methods=["POST"])
        self.add_middleware(AbandonedRequests, body_timeout=body_timeout)
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
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.fixture(autouse=True)
def watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abandoned_requests, "WATCHED_AFTER", 0)


async def pause() -> None:
    """Let all tasks go on until they wait for something else."""
    for _ in range(20):
        await asyncio.sleep(0)


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


@pytest.mark.parametrize("header", [HAS_BODY, CHUNKED])
async def test_a_body_that_does_not_arrive_in_time_is_408(header: tuple[bytes, bytes]) -> None:
    service = Service(body_timeout=0.01)
    exchange = Exchange(service, "/work", header)
    exchange.receive(PIECE)
    assert await exchange.end() == [408]
    assert (b"connection", b"close") in exchange.sent[0]["headers"]
    assert not service.begun.is_set()


async def test_a_body_may_arrive_in_pieces(service: Service) -> None:
    service.may_end.set()
    exchange = Exchange(service, "/work", HAS_BODY)
    for message in (PIECE, {"type": "http.request", "body": b"cd"}):
        await pause()
        exchange.receive(message)
    assert await exchange.end() == [200]


async def test_the_end_of_a_body_need_not_say_so(service: Service) -> None:
    exchange = Exchange(service, "/work", HAS_BODY)
    exchange.receive({"type": "http.request", "body": b"abcd"})
    await service.begun.wait()
    exchange.receive(LEFT)
    assert await exchange.end() == []


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"0")]])
async def test_an_application_need_not_ask_for_a_body_that_there_is_not(
    headers: list[tuple[bytes, bytes]],
) -> None:
    async def wait(_: Scope, __: Receive, ___: Send) -> None:
        await asyncio.Event().wait()

    exchange = Exchange(AbandonedRequests(wait, body_timeout=PATIENCE), "/", *headers)
    exchange.receive(END, LEFT)
    assert await exchange.end() == []


async def test_an_application_that_waits_for_its_client_gets_each_message() -> None:
    received: list[Message] = []

    async def listen(_: Scope, receive: Receive, __: Send) -> None:
        while LEFT not in received:
            received.append(await receive())

    exchange = Exchange(AbandonedRequests(listen, body_timeout=PATIENCE), "/")
    for message in (PIECE, PIECE, LEFT):
        await pause()
        exchange.receive(message)
    assert await exchange.end() == []
    assert received == [END, PIECE, PIECE, LEFT]


async def test_an_application_that_is_cancelled_hears_that_its_client_has_left() -> None:
    received: list[Message] = []

    async def clean_up(_: Scope, receive: Receive, __: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            received.extend([await receive(), await receive()])

    exchange = Exchange(AbandonedRequests(clean_up, body_timeout=PATIENCE), "/")
    exchange.receive(LEFT)
    assert await exchange.end() == []
    assert received == [END, LEFT]


async def test_an_application_that_asks_while_somebody_looks_is_cancelled_as_well() -> None:
    received: list[Message] = []

    async def ask_late(_: Scope, receive: Receive, __: Send) -> None:
        await pause()
        received.append(await receive())
        received.append(await receive())

    exchange = Exchange(AbandonedRequests(ask_late, body_timeout=PATIENCE), "/")
    for message in (PIECE, LEFT):
        await pause()
        exchange.receive(message)
    assert await exchange.end() == []
    assert received == [END]


async def test_a_response_that_has_begun_is_not_cancelled() -> None:
    async def answer(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await pause()
        await send({"type": "http.response.body", "body": b"done"})

    exchange = Exchange(AbandonedRequests(answer, body_timeout=PATIENCE), "/")
    exchange.receive(LEFT)
    await exchange.end()
    assert [message["type"] for message in exchange.sent][1:] == ["http.response.body"]


@pytest.mark.parametrize("seconds", [0, 0.001])
async def test_nobody_listens_to_the_client_after_the_end(seconds: float) -> None:
    async def end(_: Scope, __: Receive, ___: Send) -> None:
        await asyncio.sleep(seconds)

    exchange = Exchange(AbandonedRequests(end, body_timeout=PATIENCE), "/")
    await exchange.end()
    await pause()
    exchange.receive(LEFT)
    await pause()
    assert exchange.incoming.qsize() == 1


async def test_a_server_that_stops_cancels_the_request(service: Service) -> None:
    exchange = Exchange(service, "/work")
    exchange.receive(END)
    await service.begun.wait()
    exchange.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exchange.task


async def test_a_server_that_stops_cancels_the_request_of_a_client_that_has_left() -> None:
    async def clean_up(_: Scope, __: Receive, ___: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()

    exchange = Exchange(AbandonedRequests(clean_up, body_timeout=PATIENCE), "/")
    exchange.receive(LEFT)
    await pause()
    exchange.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exchange.task


async def test_a_request_beyond_the_limit_is_503_at_once(service: Service) -> None:
    first = Exchange(service, "/work")
    first.receive(END)
    await service.begun.wait()
    second = Exchange(service, "/work")
    assert await second.end() == [503]
    assert (b"retry-after", b"1") in second.sent[0]["headers"]
    service.may_end.set()
    assert await first.end() == [200]
    service.may_end.clear()
    service.begun.clear()
    third = Exchange(service, "/work")
    third.receive(END)
    await service.begun.wait()
    assert await Exchange(service, "/work").end() == [503]
    service.may_end.set()
    assert await third.end() == [200]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_health_checks_do_not_count_as_requests(path: str) -> None:
    async def answer(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    exchange = Exchange(RequestLimit(answer, max_requests=0), path)
    assert await exchange.end() == [200]
