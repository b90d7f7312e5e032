"""The document adopt.md, followed to the letter in a service that the template has not rendered."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.docs.commands import IDENTITY, compiled_environment
from tests.harness.project import Copy, Project, environment_with_uv, run
from tests.harness.template import ROOT, commit, git

OVERLAY = Path(__file__).with_name("overlay")
DOCUMENT = (ROOT / "docs" / "adopt.md").read_text()
BLOCK = re.compile(r"^```(sh|python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REPLACED = "tests/fixtures/service.py"


def steps(document: str) -> Iterator[str]:
    """The document's commands, and those that write its files, whose first line is their path."""
    for language, block in BLOCK.findall(document):
        if language == "sh":
            yield block
        else:
            path = block.partition("\n")[0].removeprefix("# ")
            yield f"cat {'>' if path == REPLACED else '>>'} {path} << 'END'\n{block}END\n"


def passed(script: str, service: Path, variables: dict[str, str]) -> list[int]:
    """The number of tests that pass whenever the script runs them."""
    variables = environment_with_uv(**IDENTITY, TMPDIR=str(service.parent), **variables)
    output = run("bash", "-eux", "-c", script, cwd=service, variables=variables)
    return [int(number) for number in re.findall(r"(\d+) passed", output)]


def test_a_service_that_exists_gets_the_tests(
    template: Path, default_project: Project, copy: Copy, tmp_path: Path
) -> None:
    installed = copy(default_project).with_own_venv().install(like=default_project)
    variables = {"TEMPLATE": str(template)} | compiled_environment(installed)
    service = tmp_path / "shop"
    shutil.copytree(OVERLAY / "adopted", service)
    git(service, "init", "--quiet")
    commit(service, "Start")
    adopt, _, at_import = DOCUMENT.partition("\n## If the engine is made at import\n")

    # In the sandbox, with real commits, and after an update, which is to the same release.
    assert passed("".join(steps(adopt)), service, variables) == [5, 5, 5]
    assert git(service, "status", "--porcelain") == ""

    shutil.copytree(OVERLAY / "at_import", service, dirs_exist_ok=True)
    script = "".join(steps(at_import)) + "uv run pytest\n"
    assert passed(script, service, variables) == [5]
