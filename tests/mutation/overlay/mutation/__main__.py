"""Tries mutants of `app/` against the project's own tests: `python -m mutation SEED COUNT RESULTS`.

Each run is a fork of this process, so that libraries are imported only once; two run at a time.
It ends with the first test that fails, and begins with those that are likely to.

Writes a JSON list to the file RESULTS: for each mutant what it is, and the tests that noticed it.
"""

import gc
import importlib
import json
import multiprocessing
import os
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from .mutants import Mutant, mutants_of

ROOT = Path.cwd()
TIME_LIMIT = 120
"""Seconds for the tests of one mutant; one that takes longer is noticed, too."""

AT_ONCE = 2
OWN = {"__main__", "app", "conftest", "mutation", "tests"}
"""What a run has to import by itself, since a mutant may change what it does."""

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


class LikelyFirst:
    """A plugin that runs these tests first, and then those of the module."""

    def __init__(self, module: str, tests: Sequence[str]) -> None:
        self._file = f"test_{module.rpartition('.')[2]}.py"
        self._ranks = {test: rank for rank, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=self._rank)

    def _rank(self, item: pytest.Item) -> int:
        after_these = len(self._ranks)
        return self._ranks.get(item.nodeid, after_these + (item.path.name != self._file))


class Suite:
    """The tests, each run of them in a process of its own."""

    def __init__(self) -> None:
        self._likely: dict[str, list[str]] = {}
        """By module, which tests have noticed a mutant of it, the last one first."""

    def noticed_by(self, mutant: Mutant) -> str:
        """The test that fails first; empty if none does."""
        likely = self._likely.setdefault(mutant.module, [])
        found = _in_a_fork(_try, mutant, tuple(likely))
        if "::" in found:
            likely[:] = [found, *(test for test in likely if test != found)]
        return found

    def import_libraries(self) -> None:
        """Import what the tests do. Exits if they fail without a change to the service."""
        noticed, *names = _in_a_fork(_imports).splitlines()
        if noticed:
            sys.exit(f"Without a change to the service, its tests fail: {noticed}")
        for name in names:
            if name.partition(".")[0] not in OWN:
                with suppress(ImportError):  # a name that is made at run time
                    importlib.import_module(name)
        gc.freeze()


def _in_a_fork(function: Callable[..., str], *arguments: object) -> str:
    """What the function returns, or how it fails to."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, *arguments))
    process.start()
    sender.close()
    try:
        found = str(receiver.recv()) if receiver.poll(TIME_LIMIT) else "a test that does not end"
    except EOFError:
        found = "the end of the process"
    process.kill()
    process.join()
    return found


def _send(sender: Connection, function: Callable[..., str], *arguments: object) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sender.send(function(*arguments))


def _try(mutant: Mutant, likely: Sequence[str]) -> str:
    sys.meta_path.insert(0, MutantFinder(mutant))
    return _run(LikelyFirst(mutant.module, likely))


def _imports() -> str:
    return "\n".join([_run(), *sys.modules])


def _run(*plugins: object) -> str:
    noticed = Noticed()
    code = pytest.main([*OPTIONS], [noticed, *plugins])
    return noticed.by or ("" if code == 0 else f"pytest, which exits with {code:d}")


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


def sample(seed: int, count: int) -> Sequence[Mutant]:
    """Some mutants of `app/`, or all of them if there are no more than `count`."""
    every = [
        mutant for path in sorted((ROOT / "app").rglob("*.py")) for mutant in mutants_of(path, ROOT)
    ]
    random.Random(seed).shuffle(every)
    return every[:count]


def main(seed: int, count: int, results: Path) -> None:
    suite = Suite()
    suite.import_libraries()
    mutants = sample(seed, count)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = zip(mutants, pool.map(suite.noticed_by, mutants), strict=True)
        found = [
            {"mutant": str(mutant), "path": mutant.path, "definition": mutant.definition,
             "change": mutant.change, "noticed_by": by}
            for mutant, by in tried
        ]  # fmt: skip
    results.write_text(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
