"""Tries mutants of `app/` against the project's own tests: `python -m mutation SEED COUNT RESULTS`.

Each run is a fork of this process, so that libraries are imported only once; several run at a time.
Writes a JSON list to the file RESULTS: for each mutant what it is, and the tests that noticed it.
"""

import gc
import importlib
import json
import multiprocessing
import os
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import entry_points
from importlib.util import spec_from_file_location
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from .mutants import Mutant, mutants_of

ROOT = Path.cwd()
TIME_LIMIT = 120
"""Seconds for the tests of one mutant; one that takes longer is noticed, too."""

SERVICE = ("fastapi", "httpx", "structlog", "factory", "sqlalchemy.dialects.postgresql.asyncpg")
OPTIONS = ("-x", "-q", "--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider")


class Noticed:
    """A plugin that records which test fails first."""

    def __init__(self) -> None:
        self.by = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            self.by = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.by:
            self.by = f"collection of {report.nodeid}"


def noticed_by(mutant: Mutant | None) -> str:
    """The test that fails first; empty if none does."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(mutant, sender))
    process.start()
    sender.close()
    try:
        found = str(receiver.recv()) if receiver.poll(TIME_LIMIT) else "a test that does not end"
    except EOFError:
        found = "the end of the process"
    process.kill()
    process.join()
    return found


def _run(mutant: Mutant | None, sender: Connection) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if mutant is not None:
        sys.meta_path.insert(0, MutantFinder(mutant))
    noticed = Noticed()
    code = pytest.main([*OPTIONS], [noticed])
    sender.send(noticed.by or ("" if code == 0 else f"pytest, which exits with {code:d}"))


class MutantLoader(SourceFileLoader):
    """Loads a mutant instead of its module."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(ROOT / mutant.path))
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutant.source, self.path, "exec")


class MutantFinder(MetaPathFinder):
    """Finds the mutant when its module is imported."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        return spec_from_file_location(fullname, loader=MutantLoader(self._mutant))


def import_libraries() -> None:
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    for module in SERVICE:
        importlib.import_module(module)
    gc.freeze()


def sample(seed: int, count: int) -> Sequence[Mutant]:
    """Some mutants of `app/`, or all of them if there are no more than `count`."""
    every = [
        mutant for path in sorted((ROOT / "app").rglob("*.py")) for mutant in mutants_of(path, ROOT)
    ]
    random.Random(seed).shuffle(every)
    return every[:count]


def main(seed: int, count: int, results: Path) -> None:
    import_libraries()
    if by := noticed_by(None):
        sys.exit(f"Without a change to the service, its tests fail: {by}")
    mutants = sample(seed, count)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tried = zip(mutants, pool.map(noticed_by, mutants), strict=True)
        found = [
            {"mutant": str(mutant), "path": mutant.path, "before": mutant.before,
             "after": mutant.after, "noticed_by": by}
            for mutant, by in tried
        ]  # fmt: skip
    results.write_text(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
