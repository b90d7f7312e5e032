"""Print the notes of a release, its section of CHANGELOG.md: python -m tools.release_notes TAG

The tag must name the release: it is the version in pyproject.toml, at the commit that changed it.
"""

import re
import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version

from tools.releases import git, releases

ROOT = Path(__file__).parents[1]


def notes(tag: str, changelog: str) -> str:
    """The entry of a release; its heading may have a date. Raises ValueError with what to do."""
    try:
        canonical = str(Version(tag))
    except InvalidVersion:
        raise ValueError(
            f"{tag} is not a valid PEP 440 version, by which Copier orders releases"
        ) from None
    if canonical != tag:
        raise ValueError(f"write {tag} as {canonical}")
    section = re.search(
        rf"^## {re.escape(tag)}(?: [^\n]*)?\n(.+?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None or not section[1].strip():
        raise ValueError(f"CHANGELOG.md has no entry under the heading '## {tag}'")
    return section[1].strip()


def check_commit(tag: str, repository: Path) -> None:
    """Raises ValueError unless HEAD is the release that the tag names."""
    found = {release.version: release.commit for release in releases(repository)}
    if tag not in found:
        raise ValueError(
            f"{tag} is not the version in pyproject.toml; change it there, and tag that commit"
        )
    if found[tag] != git(repository, "rev-parse", "HEAD").strip():
        raise ValueError(
            f"{tag} is the version here, but another commit changed it in pyproject.toml; "
            f"tag that one: git tag {tag} {found[tag]}"
        )


if __name__ == "__main__":
    try:
        text = notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
        check_commit(sys.argv[1], ROOT)
        sys.stdout.write(text + "\n")
    except ValueError as error:
        sys.exit(str(error))
