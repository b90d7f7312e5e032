"""The sandbox shows what PostgreSQL shows, or says that it cannot: see `overlay/tests/programs`.

The programs are generated within the project, so that hypothesis can make them smaller; it is no
dependency of a project, and is there for these runs only.
"""

import sys
from pathlib import Path

from tests.harness.project import UV, Project, environment, start

LIMITS = Path(__file__).parents[2] / "docs" / "isolation-limits.md"


def run(project: Project, *module: str) -> str:
    """Run a module in the project's environment with hypothesis in it."""
    # Not the script `pytest`: in a folder with a space, it leads to the environment without.
    command = (UV, "run", "--quiet", "--with", "hypothesis", "python", "-m", *module)
    with start(command, project.path, environment(**project.variables())) as running:
        return running.wait(seconds=4 * 60 * 60)


def test_every_program_is_equal_or_refused_by_name(probe: Project) -> None:
    """Programs with a name, random ones, and sandboxes that lie."""
    sys.stdout.write(run(probe, "pytest", "-s", "tests/programs"))


def test_the_document_has_a_line_for_each_feature(probe: Project) -> None:
    table = run(probe, "tests.programs.table").strip()
    assert table in LIMITS.read_text()
