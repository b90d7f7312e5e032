"""What Python has compiled in one project, for another one with the same modules or packages."""

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
            source = _source(file)
            own_source = borrower / source.relative_to(lender)
            if own_source.is_file() and own_source.read_bytes() == source.read_bytes():
                times = source.stat()
                os.utime(own_source, ns=(times.st_atime_ns, times.st_mtime_ns))
                _link(file, borrower / file.relative_to(lender))


def lend_packages_bytecode(lender: Path, borrower: Path) -> None:
    """Link the compiled modules of one virtual environment into another one.

    To compile them takes several times as long as to import them. Where uv links files from its
    cache, they have the same time.
    """
    packages = _packages(lender)
    for file in packages.rglob("__pycache__/*.pyc"):
        source = _source(file)
        if _is_same(source, _packages(borrower) / source.relative_to(packages)):
            _link(file, _packages(borrower) / file.relative_to(packages))


def _source(compiled: Path) -> Path:
    return compiled.parent.with_name(f"{compiled.name.partition('.')[0]}.py")


def _link(compiled: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if not target.exists():
        os.link(compiled, target)


def _packages(environment: Path) -> Path:
    [folder] = environment.glob("lib/*/site-packages")
    return folder


def _is_same(one: Path, other: Path) -> bool:
    try:
        first, second = one.stat(), other.stat()
    except FileNotFoundError:
        return False
    return (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)
