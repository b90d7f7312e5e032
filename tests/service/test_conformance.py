"""The service does what its published schema says; schemathesis tries to prove otherwise."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.harness.project import Project, run
from tests.harness.service import serve_on_own_database

SETTINGS = Path(__file__).parent / "schemathesis"


def test_no_request_gets_an_answer_that_the_schema_does_not_promise(
    rendered: Callable[[str], Project], tmp_path: Path
) -> None:
    """All checks, with requests that the schema allows and that it does not, and in sequences."""
    # The tool looks for its settings, and leaves files, where it runs.
    folder = shutil.copytree(SETTINGS, tmp_path / "schemathesis")
    with serve_on_own_database(rendered("every_field_type")) as client:
        schema = str(client.base_url.join("/openapi.json"))
        tool = (sys.executable, "-m", "schemathesis.cli")
        # A seed, so that whoever changes something else does not meet a finding by chance.
        budget = ("--seed", "1", "--max-examples", "40")
        run(
            *(*tool, "run", schema, *budget, "--checks", "all", "--mode", "all", "--no-color"),
            cwd=folder,
        )
