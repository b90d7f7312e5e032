"""A TCP proxy between a service and its PostgreSQL that counts and delays round trips."""

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

QUERY, SYNC = b"Q"[0], b"S"[0]
START_OF_PROTOCOL_3 = 196608


class Proxy:
    """Passes on what clients and the server send. A round trip is a message of the client after
    which it waits for the server: a simple query, or the Sync that ends an extended one."""

    def __init__(self, server: str) -> None:
        self.delay = 0.0
        """Seconds to wait before a round trip is passed on."""
        self.hangs = False
        """Whether nothing is passed on, as by a server that hangs."""
        self.round_trips = 0
        self.port = 0
        self._server = server
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """The server's URL, but for the port."""
        return self._server.replace(f":{urlsplit(self._server).port}", f":{self.port}")

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for writer in self._writers:
            writer.close()

    async def _accept(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        url = urlsplit(self._server)
        server, requests = await asyncio.open_connection(url.hostname, url.port)
        self._writers |= {answers, requests}
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await asyncio.gather(
                self._pass_requests(client, requests), self._pass_answers(server, answers)
            )

    async def _pass_requests(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        try:
            await self._pass_start(client, server)
            while True:
                head = await client.readexactly(5)
                (length,) = struct.unpack("!i", head[1:])
                body = await client.readexactly(length - 4)
                if head[0] in (QUERY, SYNC):
                    self.round_trips += 1
                    await asyncio.sleep(self.delay)
                await self._hang()
                server.write(head + body)
                await server.drain()
        finally:
            server.close()

    async def _pass_start(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        """Pass on the messages before the session, which have no type."""
        code = 0
        while code != START_OF_PROTOCOL_3:
            head = await client.readexactly(8)
            length, code = struct.unpack("!ii", head)
            server.write(head + await client.readexactly(length - 8))
            await server.drain()

    async def _hang(self) -> None:
        while self.hangs:
            await asyncio.sleep(0.01)

    async def _pass_answers(
        self, server: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await server.read(65536):
                client.write(data)
                await client.drain()
        finally:
            client.close()


@contextmanager
def proxy(server: str) -> Iterator[Proxy]:
    """A proxy to the server with this URL, in a thread of its own until the block ends."""
    passing, ready, stop = Proxy(server), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    serve = passing.serve(ready, stop)
    thread = threading.Thread(target=loop.run_until_complete, args=(serve,))
    thread.start()
    try:
        assert ready.wait(60)
        yield passing
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
