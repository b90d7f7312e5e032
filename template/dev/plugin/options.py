"""The options `--db...`, the marker `committed`, and DATABASE_URL, closed while tests run."""

import os
from pathlib import Path

import pytest

from dev.sockets import CLOSED_URL


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("database", "tests on PostgreSQL")
    group.addoption(
        "--db",
        choices=("sandbox", "committed"),
        default="sandbox",
        help="how tests without the marker `committed` run: in one transaction that is rolled "
        "back, or, slower, with real commits, each on its own database",
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
        help="run the migrations even if an earlier run has; the default if CI is set",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "committed: run the test with real commits, on its own database"
    )
    close_database_url(config)


def close_database_url(config: pytest.Config) -> None:
    """Keep the developer's own database from the tests, and from all that they start."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DATABASE_URL", CLOSED_URL)
    config.add_cleanup(patch.undo)


def project_folder(config: pytest.Config) -> Path:
    """The folder of `pyproject.toml`, whatever the current folder is and `--rootdir` says."""
    return config.rootpath if config.inipath is None else config.inipath.parent


def all_committed(config: pytest.Config) -> bool:
    """Whether every test runs with real commits (`--db=committed`)."""
    return bool(config.getoption("--db") == "committed")


def is_committed(item: pytest.Item) -> bool:
    """Whether this test runs with real commits."""
    return all_committed(item.config) or item.get_closest_marker("committed") is not None


def keeps_databases(config: pytest.Config) -> bool:
    """Whether the databases of failed tests are kept (`--db-keep`)."""
    return bool(config.getoption("--db-keep"))


def rebuilds(config: pytest.Config) -> bool:
    """Whether the template database is rebuilt in this run (`--db-rebuild`)."""
    return bool(config.getoption("--db-rebuild"))
