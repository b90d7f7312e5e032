"""A saved cluster of PostgreSQL, which servers start from in half the time."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.shared import once, shared_folder

if TYPE_CHECKING:
    from tests.harness.project import Project

SAVE = """
import sys
from pathlib import Path
from dev.postgres import start_ephemeral

server = start_ephemeral(snapshots=Path(sys.argv[1]))
server.wait_until_ready()
server.request_snapshot()
server.stop()
"""


def saved_cluster(project: "Project") -> Path:
    """The folder of an empty cluster, saved once for all tests and workers of a run."""

    def save(target: Path) -> None:
        target.mkdir()
        project.run("python", "-c", SAVE, str(target))

    return once(shared_folder() / "clusters", save)


def lend_cluster(project: "Project") -> None:
    """Let the first run of a project's tests start from the saved cluster."""
    cache = project.path / ".pytest_cache"
    if cache.exists() or not (project.path / "dev" / "plugin" / "server.py").exists():
        return
    snapshots = cache / "d" / "postgres"
    snapshots.mkdir(parents=True)
    [saved] = saved_cluster(project).iterdir()
    os.link(saved, snapshots / saved.name)
    (cache / ".gitignore").write_text("*\n")  # as pytest does, if it creates the folder
