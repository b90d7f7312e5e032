"""A failure shows the frames of the project: those of installed packages, of Python itself and of
this folder are left out. `--full-trace` shows them all.
"""

import os
import sysconfig
from collections.abc import Generator, Iterator
from pathlib import Path
from traceback import walk_tb

import pytest

INSTALLED = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
MACHINERY = str(Path(__file__).parents[1])
LEFT_OUT = tuple(f"{folder}{os.sep}" for folder in (*INSTALLED, MACHINERY))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if call.excinfo is not None:
        for error in _chain(call.excinfo.value):
            for frame, _ in walk_tb(error.__traceback__):
                if not _is_of_project(frame.f_code.co_filename):
                    # What pytest looks for, also where a module says it for all its functions.
                    frame.f_globals["__tracebackhide__"] = True
    return (yield)


def _is_of_project(file: str) -> bool:
    # Generated and compiled code has no absolute path.
    return Path(file).is_absolute() and not file.startswith(LEFT_OUT)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, what it was raised from, and those that it groups."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    yield from found
