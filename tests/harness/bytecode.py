"""What Python has compiled in one project, for another one with the same modules."""

import os
from pathlib import Path

MODULES = ("app", "dev", "migrations", "tests")


def lend_bytecode(lender: Path, borrower: Path) -> None:
    """Link the compiled modules of one project into another one where their sources are the same.

    Python uses only those whose source has the size and time that they were compiled from, so the
    sources of `borrower` get the times of those of `lender`.
    """
    for folder in MODULES:
        for file in (lender / folder).rglob("__pycache__/*.pyc"):
            source = file.parent.with_name(f"{file.name.partition('.')[0]}.py")
            own_source = borrower / source.relative_to(lender)
            if own_source.is_file() and own_source.read_bytes() == source.read_bytes():
                times = source.stat()
                os.utime(own_source, ns=(times.st_atime_ns, times.st_mtime_ns))
                _link(file, borrower / file.relative_to(lender))


def _link(compiled: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if not target.exists():
        os.link(compiled, target)
