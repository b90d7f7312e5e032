"""Commands of tested projects run the Copier that renders quickly."""

from dev.template.rendering import COPIER
from tests.harness.project import Project

LOADED = "import sys; print('_compile_or_remember' in dir(sys.modules['sitecustomize']))"


def test_uv_runs_the_installed_one(default_project: Project) -> None:
    command = f'"$UV" tool run --from "{COPIER}" python -c "{LOADED}"'
    assert default_project.run("bash", "-c", command).endswith("True\n")
