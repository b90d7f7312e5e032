"""`uv run dev`: the service with reload, on a database of its own if DATABASE_URL is not set."""

import argparse
import os
import signal
import socket
import sys
import traceback
from urllib.parse import urlsplit

import uvicorn
from alembic import command
from alembic.config import Config
from pydantic import ValidationError

from dev.commands.database import development_server
from dev.commands.project import Project, ProjectError, find_project
from dev.commands.seeds import load_seeds, seeds_file
from dev.postgres import PostgresError


class StartError(Exception):
    """The service cannot start; the message says why, and what to do."""


def main() -> None:
    """Run the service until it is stopped; exits with an error message if it cannot start."""
    options = _parser().parse_args()
    # An exception, so that the database is stopped too, after the service.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        project = find_project()
        os.chdir(project.folder)  # Where the settings look for `.env`, and uvicorn for the code.
        _check_port(options.host, options.port)
        configured = project.load_settings().database_url
        if configured is None:
            with development_server(project) as server:
                _print(f"Database: {server.url}\nIts data is kept in {server.folder}")
                _migrate(project, server.url)
                _seed(project, server.url)
                _serve(project, server.url, options)
        else:
            url = configured.get_secret_value()
            _print(f"Database: {_without_password(url)}")
            if options.migrate:
                _migrate(project, url)
            else:
                _print("It may be in use by others, and is not migrated without --migrate.")
            _serve(project, url, options)
    except ValidationError as error:
        sys.exit(f"The settings, from the environment and .env, are invalid. {error}")
    except (StartError, ProjectError, PostgresError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass  # Ctrl-C is the usual way to stop it.


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev",
        description="Run the service for development. If DATABASE_URL is set neither in the "
        "environment nor in .env, it uses an embedded PostgreSQL with its data in .postgres.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on; default: %(default)s"
    )
    parser.add_argument("--port", default=8000, type=int, help="default: %(default)s")
    parser.add_argument("--no-reload", action="store_true", help="do not restart when code changes")
    parser.add_argument(
        "--migrate",
        action="store_true",
        help="migrate the database in DATABASE_URL, too; the embedded one always is",
    )
    return parser


def _check_port(host: str, port: int) -> None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        raise StartError(
            f"Cannot listen on {host}, port {port}: {error}. Choose another port with --port."
        ) from None


def _migrate(project: Project, url: str) -> None:
    config = Config(toml_file=project.folder / "pyproject.toml")
    config.attributes["url"] = url
    try:
        command.upgrade(config, "head")
    except Exception as error:
        raise StartError(
            f"The migrations failed: {error}\n"
            "The service was not started. `uv run alembic upgrade head` shows where they failed."
        ) from None


def _seed(project: Project, url: str) -> None:
    try:
        if load_seeds(project, url):
            _print(f"Seeds: {seeds_file(project).relative_to(project.folder)} was loaded, once.")
    except Exception as error:
        raise StartError(
            f"{traceback.format_exc()}\nThe seeds failed: {error}\n"
            f"They have written nothing, and the service was not started."
        ) from None


def _serve(project: Project, url: str, options: argparse.Namespace) -> None:
    # For the service, which runs in another process if it reloads.
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
    """The URL up to its options, of which some are secret."""
    url = urlsplit(text)
    login, at, hosts = url.netloc.rpartition("@")
    user = login.partition(":")[0]
    return url._replace(netloc=f"{user}{at}{hosts}", query="").geturl()


def _print(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
