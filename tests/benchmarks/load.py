"""Requests per second of the service against others that do the same: `nox -s load`.

Four services on one database take turns, each as one process of uvicorn with up to 15 connections
and a line in its log for each request: the rendered one, FastAPI with an AsyncSession as one would
write the same by hand (the same filters, ETag and Location), FastAPI with a synchronous session in
a pool of threads, and bare Starlette with asyncpg. Prints; no figure fails.

The version of Python matters, since 3.13 collects garbage less often than those before it; the
variable UV_PYTHON chooses one. Two processes of the same service differ by up to 10 %, for as long
as they run: so each service is started several times, and what is compared are those that ran at
the same time.
"""

import asyncio
import random
import signal
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.harness.project import Project, render
from tests.harness.service import SETTINGS, database
from tests.harness.template import snapshot

SERVICES_FOLDER = Path(__file__).parent / "overlay" / "load"
CLIENTS = 16
STARTS = 6  # of each service
ROUNDS = 5  # for each start
SECONDS = 0.5  # for each service, each request and each round
PROFILED_SECONDS = 6.0  # for each request
ROWS = 1000

SERVICES = {
    "ours": ("--factory", "app.main:create_app"),
    "by hand": ("tests.load.handwritten:app",),
    "threadpool": ("tests.load.threadpool:app",),
    "bare": ("tests.load.bare:app",),
}
FILL = """
import asyncio, asyncpg, os, sys

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("TRUNCATE items RESTART IDENTITY")
    await connection.execute(
        "INSERT INTO items (name, price) SELECT 'item ' || n, n FROM generate_series(1, $ROWS) n"
    )
    await connection.execute("ANALYZE items")

asyncio.run(main())
""".replace("$ROWS", str(ROWS))


@dataclass(frozen=True)
class Measured:
    per_second: float
    cpu: float
    """Milliseconds of the service's CPU time for a request."""


def get(number: int) -> bytes:
    return f"GET /items/{number % ROWS + 1} HTTP/1.1\r\nHost: load\r\n\r\n".encode()


def page(_: int) -> bytes:
    return b"GET /items HTTP/1.1\r\nHost: load\r\n\r\n"


def post(_: int) -> bytes:
    body = f'{{"name": "{uuid.uuid4()}", "price": "1.50"}}'.encode()
    head = f"POST /items HTTP/1.1\r\nHost: load\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Content-Type: application/json\r\n\r\n" + body


REQUESTS: dict[str, Callable[[int], bytes]] = {"get": get, "list": page, "post": post}


async def send_until(port: int, request: Callable[[int], bytes], end: float, first: int) -> int:
    """Send requests over one connection, each after the response to the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < end:
        writer.write(request(first + count * CLIENTS))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head[9:11] == b"20", head
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        count += 1
    writer.close()
    return count


async def load(port: int, request: Callable[[int], bytes], seconds: float) -> int:
    end = time.perf_counter() + seconds
    clients = (send_until(port, request, end, number) for number in range(CLIENTS))
    return sum(await asyncio.gather(*clients))


def measure(port: int, process: psutil.Process, request: Callable[[int], bytes]) -> Measured:
    before, start = process.cpu_times(), time.perf_counter()
    count = asyncio.run(load(port, request, SECONDS))
    elapsed, after = time.perf_counter() - start, process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return Measured(count / elapsed, used / count * 1000)


@contextmanager
def served(project: Project, url: str, *command: str) -> Iterator[tuple[int, psutil.Process]]:
    """The port of a service, and its process."""
    with_psycopg = ("--with", "psycopg[binary]", "python", "-m")
    with project.start(*with_psycopg, *command, DATABASE_URL=url, **SETTINGS) as running:
        port = int(running.wait_for(r"running on http://\S+:(\d+)"))
        process = psutil.Process(running.process.pid).children(recursive=True)[-1]
        yield port, process
        process.send_signal(signal.SIGINT)
        print("".join(shares(running.wait(code=None))), end="", flush=True)


def shares(output: str) -> Iterator[str]:
    """The lines that `profiled` prints."""
    for line in output.splitlines():
        if line.startswith("SHARE "):
            _, name, share = line.split()
            yield f"  {float(share):4.0%}  {name}\n"


def compare(project: Project, url: str) -> None:
    starts = [measure_all(project, url) for _ in range(STARTS)]
    python = project.run("python", "--version").strip()
    print(f"requests a second with {CLIENTS} clients (milliseconds of CPU for each), {python}")
    print(f"{'':20}" + "".join(f"{what:>28}" for what in REQUESTS))
    for name in SERVICES:
        cells = ""
        for what in REQUESTS:
            usual = median([start[name, what] for start in starts])
            cells += f"{f'{usual.per_second:.0f} ({usual.cpu:.2f})':>28}"
        print(f"{name:20}{cells}")
    for other in ("by hand", "threadpool"):
        cells = ""
        for what in REQUESTS:
            pairs = [(start["ours", what], start[other, what]) for start in starts]
            speed = ratio((ours.per_second, theirs.per_second) for ours, theirs in pairs)
            cost = ratio((ours.cpu, theirs.cpu) for ours, theirs in pairs)
            cells += f"{f'{speed} ({cost})':>28}"
        print(f"{f'ours / {other}':20}{cells}", flush=True)


def measure_all(project: Project, url: str) -> dict[tuple[str, str], Measured]:
    """Start all services and return the medians for each service and request."""
    found: dict[tuple[str, str], list[Measured]] = {}
    with ExitStack() as stack:
        running = []
        for name, application in SERVICES.items():
            command = ("uvicorn", *application, "--port", "0")
            running.append((name, *stack.enter_context(served(project, url, *command))))
        for number in range(ROUNDS + 1):
            for what, request in REQUESTS.items():
                project.run("python", "-c", FILL, DATABASE_URL=url)
                random.shuffle(running)
                for name, port, process in running:
                    measured = measure(port, process, request)
                    if number:  # the first round prepares statements
                        found.setdefault((name, what), []).append(measured)
    return {key: median(measured) for key, measured in found.items()}


def median(measured: list[Measured]) -> Measured:
    per_second = statistics.median(one.per_second for one in measured)
    return Measured(per_second, statistics.median(one.cpu for one in measured))


def ratio(pairs: Iterable[tuple[float, float]]) -> str:
    """The mean ratio of pairs, with its standard error."""
    ratios = [ours / theirs for ours, theirs in pairs]
    error = statistics.stdev(ratios) / len(ratios) ** 0.5
    return f"{statistics.mean(ratios):.2f} ±{error:.2f}"


def where_the_time_goes(project: Project, url: str) -> None:
    for what, request in REQUESTS.items():
        project.run("python", "-c", FILL, DATABASE_URL=url)
        print(f"{what}, ours: whose code takes the time", flush=True)
        with served(project, url, "tests.load.profiled") as (port, _):
            asyncio.run(load(port, request, PROFILED_SECONDS))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        snapshot(Path(folder, "template"))
        project = render(Path(folder, "template"), Path(folder, "project"), {})
        for source in sorted(SERVICES_FOLDER.glob("*.py")):
            target = project.path / "tests" / "load" / source.name
            target.parent.mkdir(exist_ok=True)
            target.write_text(source.read_text())
        with database(project, tcp=True) as url:
            project.run("alembic", "upgrade", "head", DATABASE_URL=url)
            chosen = sys.argv[1:] or ["compare", "where"]
            if "compare" in chosen:
                compare(project, url)
            if "where" in chosen:
                where_the_time_goes(project, url)


if __name__ == "__main__":
    main()
