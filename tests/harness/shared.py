"""Expensive things that all workers of a test run share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's temporary directory, the same for every pytest-xdist worker."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(directory: Path, build: Callable[[Path], None]) -> Path:
    """Return `directory`, built by the first worker that asks; the others wait for it."""
    built = directory.with_name(f"{directory.name}.built")
    with FileLock(directory.with_name(f"{directory.name}.lock")):
        if not built.exists():
            shutil.rmtree(directory, ignore_errors=True)
            build(directory)
            built.touch()
    return directory
