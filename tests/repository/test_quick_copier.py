"""Commands of tested projects run the Copier that starts and renders quickly."""

from dev.template.rendering import COPIER
from tests.harness.project import Project


def test_uv_runs_it_in_a_process_that_has_its_libraries(default_project: Project) -> None:
    command = f'"$UV" tool run --from "{COPIER}" copier --version'
    output = default_project.run("bash", "-c", command, PYTHONPROFILEIMPORTTIME="1")
    assert output.startswith("copier-itself ")
    assert "import time:" not in output  # which an interpreter that starts would print
