"""Temporary files in memory, which take a file system on a disk longer than what is in them."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
MIN_FREE = 2 * 2**30
"""Bytes. Three workers need less than half of it."""


def keep_temporary_files_in_memory(config: pytest.Config) -> None:
    """Let this run and its commands have their temporary files in memory, if there is room.

    Above all, Copier clones the template each time that it renders. The folders of pytest stay on
    the disk: uv can link from its cache into environments there.
    """
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or not MEMORY.is_dir():  # in a worker, or not on Linux
        return
    if shutil.disk_usage(MEMORY).free < MIN_FREE:
        return
    folder = tempfile.mkdtemp(prefix="tests-", dir=MEMORY)
    Path(folder).chmod(0o711)  # as `share_folder`
    os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.gettempdir()
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
