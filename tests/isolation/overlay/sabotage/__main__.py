"""Run with each safeguard removed in turn: `python -m sabotage RESULTS`.

Writes a JSON object to the file RESULTS. For each safeguard it has the exit code of pytest, its
output, and the outcome of each test; under the key "" it has the same for all of these tests with
nothing removed. Each run is a fork of this process, so that libraries are imported only once.
"""

import gc
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
from importlib.metadata import entry_points
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

import tests.fixtures

from .cases import SABOTAGE, Sabotage
from .replacements import replace

TIME_LIMIT = 60
"""Seconds for the tests of one safeguard."""


class Saboteur:
    """A plugin that removes a safeguard, and records the outcome of each test."""

    def __init__(self, sabotage: Sabotage | None) -> None:
        self._sabotage = sabotage
        self.outcomes: dict[str, dict[str, tuple[str, str]]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        """By now pytest has imported the fixtures."""
        if self._sabotage is not None:
            replace(self._sabotage.target, self._sabotage.replacement)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        self.outcomes.setdefault(name, {})[report.when or ""] = report.outcome, report.longreprtext


class Run:
    """The tests of one safeguard, in a process of their own."""

    def __init__(self, sabotage: Sabotage | None, tests: list[str]) -> None:
        context = multiprocessing.get_context("fork")
        self._results, sender = context.Pipe(duplex=False)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (result() closes it)
        arguments = sabotage, tests, sender, self._output.fileno()
        self._process = context.Process(target=_run, args=arguments)
        self._process.start()
        sender.close()

    def result(self) -> dict[str, Any]:
        """The exit code, the outcomes of the tests, and what pytest printed."""
        try:
            result: dict[str, Any] = self._results.recv() if self._results.poll(TIME_LIMIT) else {}
        except EOFError:
            result = {}
        self._process.kill()
        self._process.join()
        with self._output as output:
            output.seek(0)
            return result | {"output": output.read().decode(errors="replace")}


def _run(sabotage: Sabotage | None, tests: list[str], sender: Connection, output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    saboteur = Saboteur(sabotage)
    # Plain assertions, because what is imported already cannot be rewritten.
    options = ["--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider"]
    code = pytest.main([*options, *tests], [saboteur])
    sender.send({"code": int(code), "outcomes": saboteur.outcomes})


def import_everything() -> None:
    """Import what every run needs: pytest's plugins, the service, and its fixtures."""
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    dialect = "sqlalchemy.dialects.postgresql.asyncpg"
    for module in ("app.main", dialect, *tests.fixtures.plugins):
        importlib.import_module(module)
    gc.freeze()  # pytest collects garbage when it ends, which need not look at all that


def main(target: Path) -> None:
    import_everything()
    every_test = list(dict.fromkeys(test for sabotage in SABOTAGE for test in sabotage.tests))
    waiting = {case.safeguard: Run(case, case.tests) for case in SABOTAGE if case.waits}
    results = {"": Run(None, every_test).result()}
    for case in SABOTAGE:
        if not case.waits:
            results[case.safeguard] = Run(case, case.tests).result()
    results |= {safeguard: run.result() for safeguard, run in waiting.items()}
    target.write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
