"""The template as it would be released now."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.releases import HistoryError, releases

ROOT = Path(__file__).parents[2]
NEXT_RELEASE = "999.0.0"  # newer than every release there will be


def _releases() -> dict[str, str]:
    try:
        return {release.version: release.commit for release in releases(ROOT)}
    except HistoryError:
        return {}


RELEASES = _releases()
"""The commit of each release, the oldest first. Empty if the history is cut off; `tests/update`
refuses that."""


def git(directory: Path, *arguments: str) -> str:
    """Run git with an identity, since a fresh machine has none configured.

    Nothing is packed in the background, as git may do after a commit: others would miss objects
    in a repository that they clone at that moment. Nothing is compressed, which takes longer than
    to write it.
    """
    settings = (
        *("user.name=test", "user.email=test@example.com"),
        *("maintenance.auto=false", "core.compression=0"),
    )
    options = (option for setting in settings for option in ("-c", setting))
    return subprocess.run(
        ("git", *options, *arguments), cwd=directory, check=True, capture_output=True, text=True
    ).stdout


def commit(repository: Path, message: str) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)


def write(folder: Path, files: Mapping[str, str | None]) -> None:
    """Make these the content of a folder's files; None for one that is not to be there."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode(errors="surrogateescape"))


def snapshot(target: Path) -> None:
    """Clone this repository, put the work that is not committed on top and tag it as a release.

    The clone has the history, with a tag for every release, so that updates can be tested.
    """
    git(ROOT, "clone", "--quiet", "--no-checkout", str(ROOT), str(target))
    # The clone's index over this repository's files: git picks what .gitignore lets through, and
    # nothing is written here.
    files = ("--git-dir", str(target / ".git"), "--work-tree", str(ROOT))
    git(ROOT, *files, "add", "--all")
    git(ROOT, *files, "commit", "--quiet", "--allow-empty", "--message", "Working tree")
    git(target, "reset", "--hard", "--quiet")
    git(target, "tag", NEXT_RELEASE)
    for version, revision in RELEASES.items():
        git(target, "tag", "--force", version, revision)
    # Copier clones it several times for each update, which takes as long as it has files.
    git(target, "gc", "--quiet", "--prune=now")
