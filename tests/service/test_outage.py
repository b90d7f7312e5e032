"""The service while its database is unavailable."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from tests.harness.processes import eventually
from tests.harness.project import Project
from tests.harness.proxy import proxy
from tests.harness.servers import Server
from tests.harness.service import database, serve, start

SOCKET = ".s.PGSQL.5432"


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    # The paths of pytest's own folders are too long for a socket.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def health(client: httpx.Client) -> tuple[int, int]:
    """The status codes of `live` and `ready`."""
    return client.get("/health/live").status_code, client.get("/health/ready").status_code


def connect(link: Path, url: str) -> None:
    """Let `link` lead to the socket of the server with this URL."""
    (folder,) = parse_qs(urlsplit(url).query)["host"]
    unfinished = link.with_name("unfinished")
    unfinished.symlink_to(Path(folder, SOCKET))
    unfinished.replace(link)


def test_it_starts_without_a_database_and_recovers_when_the_database_returns(
    default_project: Project, socket_folder: Path
) -> None:
    url = f"postgresql://postgres@/postgres?host={quote(str(socket_folder))}"
    with serve(default_project, url) as client:
        assert health(client) == (200, 503)
        for _ in range(2):
            with database(default_project) as server:
                connect(socket_folder / SOCKET, server)
                assert eventually(lambda: health(client) == (200, 200))
            assert eventually(lambda: health(client) == (200, 503))


def test_every_connection_asks_whether_the_host_of_the_database_is_still_there(
    default_project: Project, postgres: Server
) -> None:
    """Without that, one that waits for a host that has disappeared would wait without end."""
    url = f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres"
    with serve(default_project, url) as client:
        client.get("/items")
        assert health(client) == (200, 200)
        assert eventually(lambda: tcp_timers(postgres.port) == [KEEPALIVE, KEEPALIVE])


KEEPALIVE = "02"


def tcp_timers(port: int) -> list[str]:
    """Which timer of the kernel runs for each connection to this port: see proc(5)."""
    connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        fields[5].partition(":")[0]
        for fields in connections
        if fields[2].endswith(f":{port:04X}") and fields[3] == "01"  # established
    ]


def test_it_stops_although_the_database_hangs(default_project: Project, postgres: Server) -> None:
    url = f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres"
    with (
        proxy(url) as between,
        start(default_project, between.url) as (client, command),
    ):
        client.get("/items")
        assert health(client) == (200, 200)
        between.hangs = True
        command.process.terminate()
        assert "Application shutdown complete" in command.wait(code=None, seconds=60)


@pytest.mark.parametrize(
    ("login", "database", "reason"),
    [
        ("postgres", "nothing", 'database "nothing" does not exist'),
        ("guarded:secret", "postgres", 'password authentication failed for user "guarded"'),
    ],
)
def test_a_wrong_password_or_database_is_503_with_one_line_in_the_log(
    default_project: Project, postgres: Server, login: str, database: str, reason: str
) -> None:
    guard(postgres)
    url = f"postgresql://{login}@127.0.0.1:{postgres.port}/{database}"
    with start(default_project, url) as (client, command):
        assert health(client) == (200, 503)
        assert client.get("/items").status_code == 503
        # A request is logged after its response.
        assert eventually(lambda: "GET /items" in command.output())
        # The server's own lines as well, and without its access log.
        log = [json.loads(line)["message"] for line in command.output().splitlines()]
        assert sum(reason in message for message in log) == 2  # one for each of the two requests
        assert sum("GET /items" in message for message in log) == 1
        assert "Traceback" not in command.output()
        assert "secret" not in command.output()


def guard(server: Server) -> None:
    """Let the server demand a password of the role `guarded`, which does not exist."""
    rules = server.folder / "data" / "pg_hba.conf"
    rules.write_text(f"host all guarded all scram-sha-256\n{rules.read_text()}")
    server.run("pg_ctl", "reload")


def test_a_url_that_cannot_be_honored_is_rejected_when_the_service_starts(
    default_project: Project,
) -> None:
    url = "postgresql://me:secret@127.0.0.1/none?channel_binding=require"
    uvicorn = ("uvicorn", "--factory", "app.main:create_app", "--port", "0")
    output = default_project.run(*uvicorn, DATABASE_URL=url, code=1)
    assert "DATABASE_URL: channel_binding cannot be honored" in output
    assert "secret" not in output


def test_an_unexpected_error_costs_no_other_request(
    default_project: Project, own_database: str
) -> None:
    """uvicorn closes the connection after it. Clients must not send the next request there."""
    with serve(default_project, own_database) as client:
        for _ in range(5):
            response = client.get("/items")  # there are no tables
            assert response.status_code == 500
            assert response.headers["connection"] == "close"
            assert client.get("/health/live").status_code == 200
