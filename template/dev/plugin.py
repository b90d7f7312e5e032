"""The pytest plugin: its options, its marker, and the PostgreSQL server of the run.

An embedded server starts in the background while pytest collects and is gone when the run ends,
however it ends.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.exc import ArgumentError

from dev import postgres
from dev.databases.servers import VARIABLE, Server, ServerError, ServerSettings, check_server
from dev.postgres import PostgresError
from dev.sandbox.leaks import CLOSED_URL, refuse_closed

KEPT_SERVERS = "postgres/kept"
"""The key under which pytest's cache lists kept servers."""

KEPT_DATABASE = "database"
"""The property of a test's report that says how to open its database."""

SERVER = pytest.StashKey[Server]()
HEADER = pytest.StashKey[str]()
FAILED = pytest.StashKey[bool]()


class Hooks:
    """What the fixtures tell this plugin of the service."""

    @pytest.hookspec(firstresult=True)
    def pytest_database_url(self, text: str) -> URL:
        """Read a URL as the service reads its own; raises ValueError if it is not one."""
        raise NotImplementedError


class WorkerNode(Protocol):
    """An xdist worker, seen from the process that controls it."""

    config: pytest.Config
    workerinput: dict[str, Any]


# Options and the marker


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("database", "tests on PostgreSQL")
    group.addoption(
        "--db",
        choices=("sandbox", "committed"),
        default="sandbox",
        help="where tests run that do not choose: all in one transaction that is rolled back, "
        "or each with real commits on a database of its own, which is slower",
    )
    group.addoption(
        "--db-keep",
        action="store_true",
        help="keep the database of each failed test until the next run, and print how to open it",
    )
    group.addoption(
        "--db-rebuild",
        action="store_true",
        default=bool(os.environ.get("CI")),
        help="run the migrations even if an earlier run has; the default where CI is set",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "committed: run the test with real commits, on a database of its own"
    )
    close_database_url(config)
    event.listen(Engine, "do_connect", refuse_closed)
    config.add_cleanup(partial(event.remove, Engine, "do_connect", refuse_closed))


def close_database_url(config: pytest.Config) -> None:
    """Let no test find the developer's own database in the environment."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DATABASE_URL", CLOSED_URL)
    config.add_cleanup(patch.undo)


def all_committed(config: pytest.Config) -> bool:
    """Whether every test runs with real commits (`--db=committed`)."""
    return bool(config.getoption("--db") == "committed")


def is_committed(item: pytest.Item) -> bool:
    """Whether this test runs with real commits."""
    return all_committed(item.config) or item.get_closest_marker("committed") is not None


def keeps_databases(config: pytest.Config) -> bool:
    return bool(config.getoption("--db-keep"))


def rebuilds(config: pytest.Config) -> bool:
    return bool(config.getoption("--db-rebuild"))


# The result of a test, which decides whether its database is kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def has_failed(item: pytest.Item) -> bool:
    """Whether the test has failed so far."""
    return item.stash.get(FAILED, False)


def report_kept_database(item: pytest.Item, how: str) -> None:
    """Let the summary of the run say how to open the database of this test."""
    item.user_properties.append((KEPT_DATABASE, how))


# The server


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput"):
        if "database_server" in config.workerinput:
            config.stash[SERVER] = _shared_server(config.workerinput["database_server"])
    elif _runs_tests(config):
        own = ServerSettings().test_database_url
        if own is not None and own.get_secret_value():
            url, version = _own_server(config, own.get_secret_value())
            config.stash[SERVER] = Server(url, secrets.token_hex(4), embedded=None)
            config.stash[HEADER] = f"database: PostgreSQL {version} of {VARIABLE}"
        else:
            config.stash[SERVER] = _embedded_server(config, secrets.token_hex(4))
            config.stash[HEADER] = f"database: PostgreSQL {postgres.version()}, embedded"


def pytest_report_header(config: pytest.Config) -> str | None:
    return config.stash.get(HEADER, None)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerNode) -> None:
    """Tell an xdist worker which server to use."""
    server = node.config.stash.get(SERVER, None)
    if server is not None:
        node.workerinput["database_server"] = {
            "url": server.url.render_as_string(hide_password=False),
            "run": server.run,
            "folder": None if server.embedded is None else str(server.embedded.folder),
        }


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell what was unusual about the server, and what is left of it and of its databases."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    kept = [
        (report.nodeid, how)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, how in report.user_properties
        if name == KEPT_DATABASE
    ]
    if kept:
        terminalreporter.section("databases of failed tests")
        for test, how in kept:
            terminalreporter.write_line(f"{test}\n    {how}")
    server = config.stash.get(SERVER, None)
    if server is None or server.embedded is None:
        return
    with suppress(PostgresError):  # Its tests have said that it did not start.
        if text := server.embedded.wait_until_ready():
            terminalreporter.write_line(f"database: {text}")
    if server.embedded.is_kept():
        terminalreporter.write_line(
            "database: the embedded server goes on for the kept databases, until the next run or: "
            f"rm {server.embedded.folder}/keep"
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(SERVER, None)
    if server is None or server.embedded is None:
        return
    if server.embedded.is_kept() and config.pluginmanager.hasplugin("cacheprovider"):
        kept = config.cache.get(KEPT_SERVERS, [])
        config.cache.set(KEPT_SERVERS, [*kept, str(server.embedded.folder)])
    server.embedded.stop()


def _end_kept_servers(config: pytest.Config) -> None:
    """End the servers that earlier runs of this checkout left for a look at their databases."""
    for folder in config.cache.get(KEPT_SERVERS, []):
        postgres.release(Path(folder))
    config.cache.set(KEPT_SERVERS, [])


def _runs_tests(config: pytest.Config) -> bool:
    informative = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")
    return not any(config.getoption(name, False) for name in informative)


def _shared_server(given: dict[str, str]) -> Server:
    """What an xdist worker was told by `pytest_configure_node`."""
    embedded = None
    if given["folder"]:
        embedded = postgres.Server(Path(given["folder"]), given["url"])
    return Server(make_url(given["url"]), given["run"], embedded)


def _embedded_server(config: pytest.Config, run: str) -> Server:
    snapshots = None
    if config.pluginmanager.hasplugin("cacheprovider"):
        _end_kept_servers(config)
        # In the checkout, so that checkouts do not meet.
        snapshots = config.cache.mkdir("postgres")
        if rebuilds(config):
            shutil.rmtree(snapshots)
            snapshots.mkdir()
    try:
        server = postgres.start_ephemeral(snapshots=snapshots)
    except PostgresError as error:
        raise pytest.UsageError(str(error)) from None
    return Server(config.hook.pytest_database_url(text=server.url), run, server)


def _own_server(config: pytest.Config, text: str) -> tuple[URL, str]:
    """Read TEST_DATABASE_URL and check its server; return the URL and the server's version."""
    try:
        url: URL = config.hook.pytest_database_url(text=text)
    except (ValueError, ArgumentError):
        raise pytest.UsageError(
            f"{VARIABLE} must look like postgresql://user:password@host:port/database"
        ) from None
    if url.database is None:
        url = url.set(database="postgres")
    try:
        return url, asyncio.run(check_server(url))
    except ServerError as error:
        raise pytest.UsageError(str(error)) from None
