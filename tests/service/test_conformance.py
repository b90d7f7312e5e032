"""The service conforms to its OpenAPI document; schemathesis looks for counterexamples."""

import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

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
    with serve_on_own_database(rendered(PROJECT)) as client:
        look_for_counterexamples(client, tmp_path, EXAMPLES, ["all"])


def look_for_counterexamples(
    client: httpx.Client, tmp_path: Path, examples: str, checks: Iterable[str], *options: str
) -> None:
    """Let schemathesis make these checks with so many examples for each operation."""
    # The tool reads its settings from the working directory, and writes files there.
    folder = shutil.copytree(SETTINGS, tmp_path / "schemathesis")
    schema = str(client.base_url.join("/openapi.json"))
    run(
        *(sys.executable, "-m", "schemathesis.cli", "run", schema, "--mode", "all", "--no-color"),
        *("--seed", "1"),  # which keeps random findings out of unrelated changes
        *("--max-examples", examples, "--checks", ",".join(checks), *options),
        cwd=folder,
    )
