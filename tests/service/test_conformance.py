"""The service conforms to its OpenAPI document; schemathesis looks for counterexamples."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.harness.project import Project, run
from tests.harness.service import serve_on_own_database
from tests.harness.thorough import THOROUGH

SETTINGS = Path(__file__).parent / "schemathesis"
# A service of every type takes minutes.
PROJECT, EXAMPLES = ("every_field_type", "40") if THOROUGH else ("related", "4")


def test_every_response_conforms_to_the_schema(
    rendered: Callable[[str], Project], tmp_path: Path
) -> None:
    """All checks, with valid and invalid requests and with sequences of requests."""
    # The tool reads its settings from the working directory, and writes files there.
    folder = shutil.copytree(SETTINGS, tmp_path / "schemathesis")
    with serve_on_own_database(rendered(PROJECT)) as client:
        schema = str(client.base_url.join("/openapi.json"))
        tool = (sys.executable, "-m", "schemathesis.cli")
        # The seed keeps random findings out of unrelated changes.
        budget = ("--seed", "1", "--max-examples", EXAMPLES)
        run(
            *(*tool, "run", schema, *budget, "--checks", "all", "--mode", "all", "--no-color"),
            cwd=folder,
        )
