"""`uv run dev`: the service with reload, on a database of its own if DATABASE_URL names none."""

import argparse
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from alembic import command
from alembic.config import Config
from pydantic import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from dev import postgres
from dev.commands.project import Project, ProjectError, find_project
from dev.postgres import PostgresError


def main() -> None:
    """Run the service until it is stopped; exits with a sentence if it cannot start."""
    options = _parser().parse_args()
    # An exception, so that the database is stopped as well, and after the service.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        project = find_project()
        os.chdir(project.folder)  # Where the settings look for `.env`, and uvicorn for the code.
        _check_port(options.host, options.port)
        configured = project.load_settings().database_url
        if configured is None:
            with _development_server(project) as server:
                _say(f"Database: {server.url}\nIts data are kept in {server.folder}")
                _serve(project, server.url, options)
        else:
            url = configured.get_secret_value()
            _say(f"Database: {_without_password(url)}")
            _serve(project, url, options)
    except ValidationError as error:
        sys.exit(f"The settings, from the environment and .env, are not valid. {error}")
    except (StartError, ProjectError, PostgresError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass  # Ctrl-C is how it is meant to end.


@contextmanager
def development_database() -> Iterator[str]:
    """The URL of this project's development database, whose data are kept in `.postgres`.

    Its server is that of a running `uv run dev`, else one that is started for the duration. Raises
    dev.postgres.PostgresError if it does not start.
    """
    with _development_server(find_project()) as server:
        yield server.url


@contextmanager
def _development_server(project: Project) -> Iterator[postgres.Server]:
    server = postgres.start_durable(project.folder)
    try:
        yield server
    finally:
        server.stop()


class StartError(Exception):
    """The service cannot start; the text says why, and what to do."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev",
        description="Run the service for development. If DATABASE_URL is neither in the "
        "environment nor in .env, it uses an embedded PostgreSQL with data in .postgres.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="to listen on; default: %(default)s")
    parser.add_argument("--port", default=8000, type=int, help="default: %(default)s")
    parser.add_argument("--no-reload", action="store_true", help="ignore changes of the code")
    return parser


def _check_port(host: str, port: int) -> None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise StartError(
            f"Cannot listen on {host}, port {port}: {error}. Choose another with --port."
        ) from None


def _serve(project: Project, url: str, options: argparse.Namespace) -> None:
    config = Config(toml_file=project.folder / "pyproject.toml")
    config.attributes["url"] = url
    try:
        command.upgrade(config, "head")
    except Exception as error:
        raise StartError(
            f"The migrations failed: {error}\n"
            "The service was not started. `uv run alembic upgrade head` shows where they failed."
        ) from None
    # For the service, which is another process when it reloads.
    os.environ["DATABASE_URL"] = url
    uvicorn.run(
        project.app,
        factory=True,
        host=options.host,
        port=options.port,
        reload=not options.no_reload,
        reload_dirs=None if options.no_reload else [project.app.partition(".")[0]],
    )


def _without_password(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise StartError(
            "DATABASE_URL must look like postgresql://user:password@host:port/name"
        ) from None
    return url.difference_update_query(["password"]).render_as_string()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
