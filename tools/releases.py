"""The releases of this repository, as its own history tells them.

A release is a commit that changes `version` in pyproject.toml; the version "0" is not a release.
"""

import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

UNRELEASED = "0"


class HistoryError(ValueError):
    """The history is incomplete, or its releases are out of order."""


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
    versions = [version_at(repository, root) for root in roots]
    if known := [version for version in versions if version != UNRELEASED]:
        raise HistoryError(
            f"the history in {repository} is cut off at {known[0]}, so earlier releases are "
            "unknown; fetch the rest: git fetch --unshallow"
        )
    changes = git(
        *(repository, "log", "--reverse", "--topo-order", "--no-merges", "--format=%H"),
        *("-G^version = ", "HEAD", "--", "pyproject.toml"),
    )
    found: list[Release] = []
    for commit in changes.split():
        version = version_at(repository, commit)
        if version == UNRELEASED or version == version_at(repository, f"{commit}^"):
            continue
        if found and Version(version) <= Version(found[-1].version):
            raise HistoryError(f"{commit} releases {version} after {found[-1].version}")
        found.append(Release(version, commit))
    return found


def version_at(repository: Path, commit: str) -> str:
    if not git(repository, "ls-tree", commit, "pyproject.toml"):
        return UNRELEASED
    project = tomllib.loads(git(repository, "show", f"{commit}:pyproject.toml"))["project"]
    return str(project["version"])


def git(repository: Path, *arguments: str) -> str:
    command = ("git", "-C", str(repository), *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
