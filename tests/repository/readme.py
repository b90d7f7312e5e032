"""The two commands of README.md."""

import re
from pathlib import Path

from tests.harness.project import environment, run
from tests.harness.template import ROOT


def commands() -> list[str]:
    """The shell blocks of README.md, which have a line each."""
    return re.findall(r"^```sh\n(.+)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE)


def run_first(clone: Path, **variables: str) -> str:
    """Run the first command as a user who has cloned this repository; return what it printed."""
    return run("bash", "-c", commands()[0], cwd=clone, variables=environment(**variables))
