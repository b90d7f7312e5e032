"""The two commands of README.md."""

import re
import subprocess
from pathlib import Path

from tests.harness.project import environment
from tests.harness.template import ROOT


def commands() -> list[str]:
    """The shell blocks of README.md, which have a line each."""
    return re.findall(r"^```sh\n(.+)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE)


def run_first(clone: Path, **variables: str) -> str:
    """Run the first command as somebody who has cloned this repository; return what it printed."""
    run = subprocess.run(
        ("bash", "-c", commands()[0]),
        cwd=clone,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
