"""Print the notes of a release: its section of CHANGELOG.md. Usage: release_notes.py TAG"""

import re
import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def notes(tag: str, changelog: str) -> str:
    """Raises ValueError, with what to do, if the tag cannot be released."""
    try:
        canonical = str(Version(tag))
    except InvalidVersion:
        raise ValueError(
            f"{tag} is no version of PEP 440, by which Copier orders releases"
        ) from None
    if canonical != tag:
        raise ValueError(f"write {tag} as {canonical}")
    section = re.search(
        rf"^## {re.escape(tag)}\n(.+?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None or not section[1].strip():
        raise ValueError(f"CHANGELOG.md says nothing below a heading '## {tag}'")
    return section[1].strip()


if __name__ == "__main__":
    try:
        sys.stdout.write(notes(sys.argv[1], CHANGELOG.read_text(encoding="utf-8")) + "\n")
    except ValueError as error:
        sys.exit(str(error))
