"""The PostgreSQL server of a test run: started, shared with xdist's workers, stopped.

An embedded server starts in the background while pytest collects the tests, and is gone when the
run ends, even if the run is killed.
"""

import asyncio
import secrets
import shutil
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from dev import postgres
from dev.databases import Server
from dev.databases.external import ExternalServerError, ExternalServerSettings, check_server
from dev.plugin.options import project_folder, rebuilds
from dev.postgres import PostgresError

SERVER = pytest.StashKey[Server]()

KEPT_SERVERS = "postgres/kept"
"""The key in pytest's cache under which the folders of kept servers are stored."""


class Hooks:
    """What fixtures can tell this plugin about the service."""

    @pytest.hookspec(firstresult=True)
    def pytest_database_url(self, text: str) -> URL:
        """Parse a URL as the service parses DATABASE_URL; raises ValueError if it is invalid."""
        raise NotImplementedError  # pytest reads the signature and never calls it


class WorkerNode(Protocol):
    """An xdist worker, as the controlling process sees it."""

    config: pytest.Config
    workerinput: dict[str, Any]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


@pytest.hookimpl(trylast=True)
def pytest_database_url(text: str) -> URL:
    return make_url(text).set(drivername="postgresql+asyncpg")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput"):
        if "database_server" in config.workerinput:
            config.stash[SERVER] = _shared_server(config.workerinput["database_server"])
    elif _runs_tests(config):
        env_file = project_folder(config) / ".env"
        configured = ExternalServerSettings(_env_file=env_file).test_database_url
        if configured is not None and configured.get_secret_value():
            config.stash[SERVER] = _external_server(config, configured.get_secret_value())
        else:
            config.stash[SERVER] = _start_embedded_server(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerNode) -> None:
    """Tell an xdist worker which server to use."""
    server = node.config.stash.get(SERVER, None)
    if server is not None:
        node.workerinput["database_server"] = {
            "url": server.url.render_as_string(hide_password=False),
            "version": server.version,
            "run": server.run,
            "folder": None if server.embedded is None else str(server.embedded.folder),
        }


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(SERVER, None)
    if server is None or server.embedded is None:
        return
    if server.embedded.is_kept() and config.pluginmanager.hasplugin("cacheprovider"):
        kept = config.cache.get(KEPT_SERVERS, [])
        config.cache.set(KEPT_SERVERS, [*kept, str(server.embedded.folder)])
    server.embedded.stop()


def _runs_tests(config: pytest.Config) -> bool:
    informative = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")
    return not any(config.getoption(name, False) for name in informative)


def _shared_server(values: dict[str, str]) -> Server:
    """The server that `pytest_configure_node` described to this xdist worker."""
    embedded = None
    if values["folder"]:
        embedded = postgres.Server(Path(values["folder"]), values["url"])
    return Server(make_url(values["url"]), values["version"], values["run"], embedded)


def _external_server(config: pytest.Config, text: str) -> Server:
    """The server of TEST_DATABASE_URL, after a check that the tests can use it."""
    try:
        url: URL = config.hook.pytest_database_url(text=text)
    except (ValueError, ArgumentError):
        raise pytest.UsageError(
            "TEST_DATABASE_URL must look like postgresql://user:password@host:port/database"
        ) from None
    if url.database is None:
        url = url.set(database="postgres")
    try:
        version = asyncio.run(check_server(url))
    except ExternalServerError as error:
        raise pytest.UsageError(str(error)) from None
    return Server(url, version, _new_run_id(), embedded=None)


def _start_embedded_server(config: pytest.Config) -> Server:
    snapshots = None
    if config.pluginmanager.hasplugin("cacheprovider"):
        _release_kept_servers(config)
        # In the checkout, so that checkouts do not share snapshots.
        snapshots = config.cache.mkdir("postgres")
        if rebuilds(config):
            # Another run in this checkout may be doing the same.
            shutil.rmtree(snapshots, ignore_errors=True)
            snapshots.mkdir(exist_ok=True)
    try:
        embedded = postgres.start_ephemeral(snapshots=snapshots)
    except PostgresError as error:
        raise pytest.UsageError(str(error)) from None
    url = config.hook.pytest_database_url(text=embedded.url)
    return Server(url, postgres.version(), _new_run_id(), embedded)


def _release_kept_servers(config: pytest.Config) -> None:
    """Let the servers end that earlier runs in this checkout kept for `--db-keep`."""
    for folder in config.cache.get(KEPT_SERVERS, []):
        postgres.release(Path(folder))
    config.cache.set(KEPT_SERVERS, [])


def _new_run_id() -> str:
    return secrets.token_hex(4)
