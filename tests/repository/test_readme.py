"""The two commands of README.md, on a machine that has only Python with pip, and git."""

import re
import subprocess
from pathlib import Path

from tests.harness.project import environment
from tests.harness.template import ROOT, git


def commands() -> list[str]:
    """The shell blocks of README.md: one line each, the first two being the commands."""
    return re.findall(r"^```sh\n(.+)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_it_has_two_commands() -> None:
    assert len(commands()) == 2


def test_continuous_integration_runs_the_second_to_the_letter() -> None:
    assert commands()[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_first_renders_a_service_whose_tests_pass(template: Path, tmp_path: Path) -> None:
    clone = tmp_path / "a folder" / "clone"
    git(tmp_path, "clone", "--quiet", str(template), str(clone))
    run = subprocess.run(
        ("bash", "-c", commands()[0]),
        cwd=clone,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert re.search(r"\d+ passed in [\d.]+s", run.stdout.splitlines()[-1]), run.stdout
    assert (tmp_path / "a folder" / "my-service" / ".copier-answers.yml").exists()
