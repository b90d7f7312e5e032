"""Clients of a service that runs in two processes: `python clients.py URL_OF_ONE URL_OF_THE_OTHER`.

Says what it has seen, line by line.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import httpx
import websockets

CHAT = "/realtime/channels/chat"
TIMEOUT = 60.0  # seconds
SENT = 50
LONG, MANY = "x" * 7500, 600  # more than what the buffers of a connection hold


def connect(url: str, **options: Any) -> websockets.connect:
    return websockets.connect(f"{url.replace('http', 'ws')}{CHAT}", **options)


async def receive(client: Any) -> Any:
    """The next message that is no heartbeat."""
    while True:
        message = json.loads(await client.recv())
        if message["type"] != "heartbeat":
            return message


async def all_hear(text: str, *clients: Any) -> None:
    await clients[0].send(json.dumps(text))
    for client in clients:
        message = await receive(client)
        assert message.get("data") == text, message


async def refuse_foreign_pages(url: str) -> None:
    status = 101
    try:
        async with connect(url, origin="http://evil.example"):
            pass
    except websockets.InvalidStatus as error:
        status = error.response.status_code
    assert status == 403


def small_socket(url: str) -> socket.socket:
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.connect(("127.0.0.1", httpx.URL(url).port))
    return own


async def leave_while_events_wait(url: str) -> None:
    with small_socket(url) as own:
        own.sendall(f"GET {CHAT} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        assert await asyncio.to_thread(own.recv, 15) == b"HTTP/1.1 200 OK"
        async with connect(url) as busy:
            for _ in range(MANY):
                await busy.send(json.dumps(LONG))
                assert (await receive(busy))["data"] == LONG
    await asyncio.sleep(0.5)  # the service notices
    print("who leaves is no error", flush=True)


async def leave_after_sending(one: str, other: str) -> None:
    async with connect(other) as listener:
        async with connect(one) as leaving:
            for number in range(SENT):
                await leaving.send(json.dumps(number))
        heard = [(await receive(listener))["data"] for _ in range(SENT)]
    assert heard == list(range(SENT)), heard
    print("what was sent before leaving is heard", flush=True)


async def cut_off_who_does_not_read(url: str) -> None:
    own = small_socket(url)
    async with connect(url) as busy, connect(url, sock=own, max_queue=1, compression=None) as slow:
        for _ in range(MANY):
            await busy.send(json.dumps(LONG))
            assert (await receive(busy))["data"] == LONG
        received = 0
        try:
            while True:
                await slow.recv()
                received += 1
        except websockets.ConnectionClosed:
            assert received < MANY, received
        await all_hear("still here", busy)
    print("who does not read is cut off", flush=True)


async def stream_events(url: str, client: Any) -> None:
    async with httpx.AsyncClient() as http, http.stream("GET", f"{url}{CHAT}") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        while not (await anext(lines)).startswith("retry:"):
            pass
        await all_hear("to a stream", client)
        while not (line := await anext(lines)).startswith("data: "):
            pass
        assert json.loads(line.removeprefix("data: "))["data"] == "to a stream"


async def main(one: str, other: str) -> None:
    async with asyncio.timeout(TIMEOUT), connect(one) as first, connect(other) as second:
        await all_hear("hello", first, second)
        print("all processes hear", flush=True)
        await stream_events(other, first)
        await receive(second)
        print("streams hear", flush=True)
        await refuse_foreign_pages(one)
        print("foreign pages are refused", flush=True)
        for client in (first, second):
            assert await receive(client) == {"type": "reset"}
        await all_hear("hello again", second, first)
        print("all processes hear again", flush=True)
    async with asyncio.timeout(TIMEOUT):
        await leave_after_sending(one, other)
        await leave_while_events_wait(one)
        await cut_off_who_does_not_read(one)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
