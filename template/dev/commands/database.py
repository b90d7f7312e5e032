"""The development database of a project: an embedded PostgreSQL whose data is in `.postgres`."""

from collections.abc import Iterator
from contextlib import contextmanager

from dev import postgres
from dev.commands.project import Project, find_project


@contextmanager
def development_database() -> Iterator[str]:
    """The URL of this project's development database, for as long as the block lasts.

    Uses the server of a running `uv run dev` if there is one, else starts one. Raises
    dev.postgres.PostgresError if it does not start.
    """
    with development_server(find_project()) as server:
        yield server.url


@contextmanager
def development_server(project: Project) -> Iterator[postgres.Server]:
    """The running server of the development database; see `development_database`."""
    server = postgres.start_durable(project.folder)
    try:
        yield server
    finally:
        server.stop()
