"""Expensive things that all workers of a test run share."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

VARIABLE = "PYTEST_SHARED_FOLDER"


def share_folder(config: pytest.Config) -> None:
    """Create a folder for all workers of the run that is removed when the run ends.

    Every account may pass through it. In pytest's own folders only their owner may, and each
    server that root starts would copy PostgreSQL's programs to where its account can read them.
    """
    if VARIABLE not in os.environ:  # else this is a worker
        folder = tempfile.mkdtemp(prefix="shared-")
        os.environ[VARIABLE] = folder
        Path(folder).chmod(0o711)
        config.add_cleanup(lambda: shutil.rmtree(folder))


def shared_folder() -> Path:
    """The folder of this test run, or one that ends with this process."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="shared-")
        atexit.register(shutil.rmtree, os.environ[VARIABLE])
    return Path(os.environ[VARIABLE])


def once(directory: Path, build: Callable[[Path], None]) -> Path:
    """Return `directory`, built by the first worker that asks; the others wait for it."""
    built = directory.with_name(f"{directory.name}.built")
    with FileLock(directory.with_name(f"{directory.name}.lock")):
        if not built.exists():
            shutil.rmtree(directory, ignore_errors=True)
            build(directory)
            built.touch()
    return directory
