"""Ends a run for a reason that concerns all tests, such as a migration that fails; says it once."""

from typing import Any, NoReturn, Protocol

import pytest

SUMMARY = "the tests cannot run; the reason is above"
REASON = pytest.StashKey[str]()
TOLD_BY_WORKER = "reason_to_end"


class EndedNode(Protocol):
    """An xdist worker that has ended; it has no output if it crashed."""

    config: pytest.Config
    workeroutput: dict[str, Any]


def end_run(session: pytest.Session, reason: str) -> NoReturn:
    """End the run with all its xdist workers; its summary gives the reason."""
    config = session.config
    config.stash[REASON] = reason
    if hasattr(config, "workeroutput"):
        config.workeroutput[TOLD_BY_WORKER] = reason
        session.shouldfail = SUMMARY  # xdist asks for it
    pytest.exit(SUMMARY, returncode=pytest.ExitCode.TESTS_FAILED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: EndedNode) -> None:
    """Keep the reason of a worker; all have the same."""
    reason = getattr(node, "workeroutput", {}).get(TOLD_BY_WORKER)
    if reason is not None:
        node.config.stash[REASON] = reason


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    reason = config.stash.get(REASON, None)
    if reason is not None:
        terminalreporter.section("reason")
        terminalreporter.write_line(reason)
