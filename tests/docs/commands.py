"""The commands of a document, run as its reader would."""

import re
import subprocess
from pathlib import Path

from tests.harness.project import UV, environment

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

    Raises AssertionError if one fails.
    """
    everything = environment(**IDENTITY, **variables)
    everything["PATH"] = f"{Path(UV).parent}:{everything['PATH']}"
    run = subprocess.run(
        ("bash", "-eux", "-c", "\n".join(blocks(document, "sh"))),
        cwd=directory,
        env=everything,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
