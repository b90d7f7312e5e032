"""What a test run prints about its databases: the header and the summary."""

from collections.abc import Generator
from contextlib import suppress
from typing import NoReturn

import pytest

from dev.plugin.server import SERVER
from dev.postgres import PostgresError
from dev.sandbox import LeakError

KEPT_DATABASE = "database"
"""The property of a test's report that says how to open its database."""

FAILED = pytest.StashKey[bool]()
XFAILED = pytest.StashKey[bool]()
LEAKED = pytest.StashKey[bool]()


def pytest_report_header(config: pytest.Config) -> str | None:
    server = config.stash.get(SERVER, None)
    if server is None:
        return None
    if server.embedded is None:
        return f"database: PostgreSQL {server.version} of TEST_DATABASE_URL"
    return f"database: PostgreSQL {server.version}, embedded"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "teardown" and item.stash.get(LEAKED, False):
        # Otherwise pytest counts the leak as the failure that the marker `xfail` expects.
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)
    xfailed = report.skipped and hasattr(report, "wasxfail")
    item.stash[XFAILED] = item.stash.get(XFAILED, False) or xfailed
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def has_failed(item: pytest.Item) -> bool:
    """Whether the test has failed so far."""
    return item.stash.get(FAILED, False)


def has_xfailed(item: pytest.Item) -> bool:
    """Whether the test has failed, and its marker `xfail` expects that."""
    return item.stash.get(XFAILED, False)


def fail_for_leaks(item: pytest.Item, error: LeakError) -> NoReturn:
    """Fail the teardown of a test. Its marker `xfail` is about the test, not about leaks."""
    item.stash[LEAKED] = True
    pytest.fail(str(error), pytrace=False)


def report_kept_database(item: pytest.Item, how: str) -> None:
    """Print in the summary of the run how to open the database of this test."""
    item.user_properties.append((KEPT_DATABASE, how))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print how to open the kept databases, and any note of the embedded server."""
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
    with suppress(PostgresError):  # The tests have reported already that it did not start.
        if note := server.embedded.wait_until_ready():
            terminalreporter.write_line(f"database: {note}")
    if server.embedded.is_kept():
        terminalreporter.write_line(
            "database: the embedded server keeps running for the kept databases, until the next "
            f"run or: rm {server.embedded.folder}/keep"
        )
