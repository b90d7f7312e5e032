"""A rendered service that runs as in production, and a database for it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.harness.clusters import saved_cluster
from tests.harness.project import Command, Project

SERVER = """
import sys
import time
from pathlib import Path
from dev.postgres import start_ephemeral

address, clusters = sys.argv[1:]
server = start_ephemeral(tcp=address == "tcp", snapshots=Path(clusters))
server.wait_until_ready()
print(server.url, flush=True)
time.sleep(3600)
"""

REMOVE_DATA = """
import pathlib, shutil
from dev.postgres import places

shutil.rmtree(places.project_folder(pathlib.Path.cwd(), places.server_account()))
"""

SETTINGS = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "a key that only the tests know, and not for long",
    "SERVE_DOCS": "true",
}

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def database(project: Project, *, tcp: bool = False) -> Iterator[str]:
    """The URL of an empty database on a server of its own; with `tcp`, on a port of 127.0.0.1."""
    arguments = ("tcp" if tcp else "socket", str(saved_cluster(project)))
    with project.start_python(SERVER, *arguments) as command:
        yield command.wait_for(r"(postgresql://\S+)\n")


def open_client(url: httpx.URL | str) -> httpx.Client:
    """A client of a service, without the 24 ms in which httpx would load certificates for TLS."""
    return httpx.Client(base_url=url, timeout=30, verify=NO_CERTIFICATES)


@contextmanager
def serve(project: Project, database_url: str, **variables: str) -> Iterator[httpx.Client]:
    """Run the service; the client sends requests to it."""
    with start(project, database_url, **variables) as (client, _):
        yield client


@contextmanager
def start(
    project: Project, database_url: str, **variables: str
) -> Iterator[tuple[httpx.Client, Command]]:
    """As `serve`, with the command that runs, whose output is the log."""
    variables = SETTINGS | {"DATABASE_URL": database_url} | variables
    uvicorn = ("uvicorn", "--factory", "app.main:create_app", "--port", "0")
    with project.start(*uvicorn, **variables) as command:
        url = command.wait_for(r"running on (http://\S+)")
        with open_client(url) as client:
            yield client, command


@contextmanager
def serve_on_own_database(project: Project) -> Iterator[httpx.Client]:
    """Run the service on a new database with all migrations."""
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        with serve(project, url) as client:
            yield client


def remove_development_database(project: Project) -> None:
    """Remove what `uv run dev` and Alembic keep: for root it is not in the project, and a later
    project in the same folder would meet it."""
    project.run("python", "-c", REMOVE_DATA)
