"""Temporary files in memory: on a disk, files take far longer to be created and removed."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
MIN_FREE = 4 * 2**30
"""Bytes. Three workers need about half of it."""


def keep_temporary_files_in_memory(config: pytest.Config) -> None:
    """Let this run and its commands have their temporary files in memory, if there is room.

    ext4 looks at each file that was removed in the last minutes before it creates one, and the
    tests create and remove a hundred thousand: projects and clones of the template.
    """
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or not _has_room():  # the former in a worker
        return
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)  # pytest keeps what belongs to failed tests
    folder = tempfile.mkdtemp(prefix="tests-", dir=MEMORY)
    Path(folder).chmod(0o711)  # as `share_folder`
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    os.environ["UV_LINK_MODE"] = "copy"  # uv's cache is on the disk
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _has_room() -> bool:
    if not MEMORY.is_dir():  # not on Linux
        return False
    programs_may_run = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC  # they may not in containers
    return programs_may_run and shutil.disk_usage(MEMORY).free >= MIN_FREE
