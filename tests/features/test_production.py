"""What the image of a service with features installs is all that they need."""

from pathlib import Path

from tests.features.conftest import Featured
from tests.harness.environments import copy_environment
from tests.harness.project import UV, Copy, environment, run

IMPORT_ALL = """
import importlib, pkgutil
import app
names = [module.name for module in pkgutil.walk_packages(app.__path__, "app.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_the_service_imports_nothing_else(featured: Featured, copy: Copy, tmp_path: Path) -> None:
    project = copy(featured("owners"))
    variables = environment(UV_PROJECT_ENVIRONMENT=str(tmp_path / "environment"))
    copy_environment(project.venv, tmp_path / "environment")
    # As the Dockerfile does, without a lock file. It removes what is not for production.
    run(UV, "sync", "--no-dev", "--no-install-project", cwd=project.path, variables=variables)
    python = str(tmp_path / "environment" / "bin" / "python")
    modules = run(python, "-c", IMPORT_ALL, cwd=project.path, variables=environment())
    assert int(modules) > 50
    installed = run(UV, "pip", "list", "--python", python, cwd=project.path)
    assert "\nruff " not in installed
