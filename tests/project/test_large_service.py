"""A service of fifty resources works as one with a single resource does."""

from pathlib import Path

import pytest
from copier import VcsRef

from tests.harness.large_service import RESOURCES, line_of, name_of, resources
from tests.harness.project import Copy, Project, render
from tests.harness.service import serve_on_own_database
from tests.harness.updates import update

pytestmark = pytest.mark.thorough  # the other services have fewer resources of more kinds


def test_its_code_is_clean(large_project: Project) -> None:
    large_project.run("ruff", "check")
    large_project.run("ruff", "format", "--check")


def test_it_serves_a_description_of_every_resource(large_project: Project) -> None:
    with serve_on_own_database(large_project) as client:
        paths = client.get("/openapi.json").raise_for_status().json()["paths"]
        assert {f"/{name}s" for name in resources()} <= paths.keys()
        assert client.get(f"/{name_of(RESOURCES)}s").json() == {"items": [], "next_cursor": None}


def test_an_update_adds_one_more(
    large_project: Project, template: Path, tmp_path: Path, copy: Copy
) -> None:
    updated = copy(large_project)
    update(updated, VcsRef.CURRENT, {"resource": line_of(RESOURCES + 1)})
    answers: dict[str, object] = {"resource": "", "resources": resources(RESOURCES + 1)}
    assert contents(updated.path) == contents(render(template, tmp_path / "new", answers).path)


def contents(project: Path) -> dict[str, bytes]:
    """Every file but bytecode, and the migrations, which an update leaves to the user."""
    paths = (path for path in project.rglob("*") if "__pycache__" not in path.parts)
    files = (path for path in paths if path.is_file())
    relative = {file.relative_to(project).as_posix(): file for file in files}
    return {
        name: file.read_bytes()
        for name, file in relative.items()
        if not name.startswith((".git/", "migrations/versions/"))
    }
