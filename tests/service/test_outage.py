"""The service while its database is unavailable."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from tests.harness.processes import eventually
from tests.harness.project import Project
from tests.harness.service import database, serve

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
                assert eventually(lambda: health(client) == (200, 200), 10)
            assert eventually(lambda: health(client) == (200, 503), 10)
