"""What Python has compiled in one project or environment, for another one with the same files."""

import filecmp
import os
from pathlib import Path

MODULES = ("app", "dev", "migrations", "tests")


def lend_bytecode(lender: Path, borrower: Path) -> None:
    """Link the compiled modules of one project into another one if their sources are the same.

    Python uses only those whose source has the size and time that they were compiled from, so the
    sources of `borrower` get the times of those of `lender`.
    """
    for folder in MODULES:
        for compiled in (lender / folder).rglob("__pycache__/*.pyc"):
            source = _source(compiled)
            own_source = borrower / source.relative_to(lender)
            if _is_same(source, own_source):
                times = source.stat()
                os.utime(own_source, ns=(times.st_atime_ns, times.st_mtime_ns))
                _link(compiled, borrower / compiled.relative_to(lender))


def lend_packages(lender: Path, borrower: Path) -> None:
    """Link the packages of one virtual environment into another one that has the same, compiled.

    To compile them takes several times as long as to import them, and uv has copied each file if
    its cache is on another file system.
    """
    files = [file.relative_to(lender) for file in lender.rglob("*") if file.is_file()]
    for file in files:
        if _is_same(lender / file, borrower / file):
            _link(lender / file, borrower / file)
    for file in files:
        if file.suffix == ".pyc" and _is_same(lender / _source(file), borrower / _source(file)):
            _link(lender / file, borrower / file)


def _source(compiled: Path) -> Path:
    return compiled.parent.with_name(f"{compiled.name.partition('.')[0]}.py")


def _is_same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other)


def _link(file: Path, target: Path) -> None:
    if target.exists() and target.samefile(file):
        return
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    os.link(file, target)
