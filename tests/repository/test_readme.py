"""The two commands of README.md, on a machine that has only Python with pip, and git."""

import re
from pathlib import Path

import pytest

from tests.docs.commands import run_commands
from tests.harness.project import MIGRATIONS
from tests.harness.template import ROOT, git
from tests.harness.thorough import fewer
from tests.repository.readme import commands, run_first


def test_it_has_two_commands() -> None:
    assert len(commands()) == 2


def test_continuous_integration_runs_the_second_to_the_letter() -> None:
    assert commands()[1] in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.thorough  # as getting-started.md does
def test_the_first_renders_a_service_and_leads_to_getting_started(
    template: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "a folder" / "clone"
    git(tmp_path, "clone", "--quiet", str(template), str(clone))
    output = run_first(clone)
    assert re.search(r"\d+ passed in [\d.]+s", output.splitlines()[-1]), output
    service = tmp_path / "a folder" / "my-service"
    assert (service / ".copier-answers.yml").exists()
    document = (ROOT / "docs" / "getting-started.md").read_text()
    _, first_block, rest = document.partition("cd ../my-service\n```\n")
    assert first_block
    run_commands(rest, service, **fewer(MIGRATIONS))
