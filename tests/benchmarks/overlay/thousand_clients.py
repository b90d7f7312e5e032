"""How long a message takes to reach all clients of a process: `python thousand_clients.py URL`."""

import asyncio
import statistics
import sys
import time

import websockets

CLIENTS = 1000
ROUNDS = 10
AT_ONCE = 50
CHAT = "/realtime/channels/chat"


async def main(url: str) -> None:
    turns = asyncio.Semaphore(AT_ONCE)
    address = f"{url.replace('http', 'ws')}{CHAT}"

    async def connect() -> websockets.ClientConnection:
        async with turns:
            return await websockets.connect(address, ping_interval=None)

    start = time.perf_counter()
    clients = await asyncio.gather(*(connect() for _ in range(CLIENTS)))
    connected = time.perf_counter() - start
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await clients[0].send('"hello"')
        texts = await asyncio.gather(*(client.recv() for client in clients))
        seconds.append(time.perf_counter() - start)
        assert all('"hello"' in str(text) for text in texts)
    print(
        f"{CLIENTS} clients connected in {connected:.1f} s; a message reached all of them in "
        f"{statistics.median(seconds) * 1000:.0f} ms (median of {ROUNDS}; the slowest "
        f"{max(seconds) * 1000:.0f} ms)"
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
