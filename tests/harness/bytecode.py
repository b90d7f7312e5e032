"""What Python has compiled in one environment, for another one with the same packages."""

import os
from pathlib import Path


def lend_bytecode(lender: Path, borrower: Path) -> None:
    """Link the compiled modules of one virtual environment into another one.

    To compile them takes several times as long as to import them. Python uses only those whose
    source has the same size and time, as it has where uv links files from its cache.
    """
    target = _packages(borrower)
    for compiled in _packages(lender).rglob("__pycache__"):
        folder = target / compiled.parent.relative_to(_packages(lender))
        for file in compiled.iterdir():
            name = f"{file.name.partition('.')[0]}.py"
            if _is_same(compiled.with_name(name), folder / name):
                (folder / "__pycache__").mkdir(exist_ok=True)
                link = folder / "__pycache__" / file.name
                if not link.exists():
                    os.link(file, link)


def _packages(environment: Path) -> Path:
    [folder] = environment.glob("lib/*/site-packages")
    return folder


def _is_same(one: Path, other: Path) -> bool:
    try:
        first, second = one.stat(), other.stat()
    except FileNotFoundError:
        return False
    return (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)
