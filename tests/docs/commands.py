"""The commands of a document, run as its reader would."""

import re
from pathlib import Path

from tests.harness.project import environment_with_uv, run

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.com"))
}


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def section(document: str, heading: str) -> str:
    return document.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def run_commands(document: str, directory: Path, **variables: str) -> str:
    """Run the document's blocks of shell commands, one after another, and return what they print.

    Raises CommandError if one fails.
    """
    script = "\n".join(blocks(document, "sh"))
    return run(
        *("bash", "-eux", "-c", script),
        cwd=directory,
        variables=environment_with_uv(**IDENTITY, **variables),
    )
