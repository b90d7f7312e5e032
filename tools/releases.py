"""The releases of this repository, as its own history tells them.

A release is the commit that changes `version` in pyproject.toml; the version "0" is none.
"""

import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

NONE = "0"


class HistoryError(ValueError):
    """The history is not one of releases, or not all of it is there."""


@dataclass(frozen=True)
class Release:
    version: str
    commit: str


def releases(repository: Path) -> list[Release]:
    """The releases up to HEAD, the oldest first.

    Raises HistoryError if the history is cut off after the first release, as that of a shallow
    clone is, or if a release is older than the one before it.
    """
    roots = git(repository, "rev-list", "--max-parents=0", "HEAD").split()
    if known := [version for root in roots if (version := version_at(repository, root)) != NONE]:
        raise HistoryError(
            f"the history in {repository} is cut off at {known[0]}, so that nobody knows which "
            "releases there were; fetch the rest: git fetch --unshallow"
        )
    changes = git(
        *(repository, "log", "--reverse", "--topo-order", "--no-merges", "--format=%H"),
        *("-G^version = ", "HEAD", "--", "pyproject.toml"),
    )
    found: list[Release] = []
    for commit in changes.split():
        version = version_at(repository, commit)
        if version == NONE or version == version_at(repository, f"{commit}^"):
            continue
        if found and Version(version) <= Version(found[-1].version):
            raise HistoryError(f"{commit} releases {version} after {found[-1].version}")
        found.append(Release(version, commit))
    return found


def version_at(repository: Path, commit: str) -> str:
    if not git(repository, "ls-tree", commit, "pyproject.toml"):
        return NONE
    project = tomllib.loads(git(repository, "show", f"{commit}:pyproject.toml"))["project"]
    return str(project["version"])


def git(repository: Path, *arguments: str) -> str:
    command = ("git", "-C", str(repository), *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
