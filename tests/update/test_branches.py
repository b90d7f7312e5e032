"""Two branches that each add a resource and a migration merge, with at most one command."""

import re
from pathlib import Path

import pytest

from tests.harness.project import MIGRATIONS, Copy, Project
from tests.harness.service import database
from tests.harness.shared import once
from tests.harness.template import commit, git
from tests.harness.thorough import fewer

RESOURCES = {"zebra": "zebra name:str! item:ref(item)", "order": "order total:int note:text?"}


@pytest.fixture(scope="session")
def branches(shared: Path, default_project: Project) -> Project:
    """A project with a branch for each resource."""

    def build(target: Path) -> None:
        git(shared, "clone", "--quiet", str(default_project.path), str(target))
        project = Project(target, default_project.venv)
        git(target, "switch", "--quiet", "--create", "main")
        for name, line in RESOURCES.items():
            git(target, "switch", "--quiet", "--create", name, "main")
            project.run("resource", "add", line)
            with database(project) as url:
                project.alembic("upgrade", "head", DATABASE_URL=url)
                revise = ("revision", "--autogenerate", "--rev-id", name)
                project.alembic(*revise, "--message", f"add {name}", DATABASE_URL=url)
            commit(target, f"Add {name}")

    return Project(once(shared / "branches", build), default_project.venv)


@pytest.fixture
def merged(branches: Project, copy: Copy) -> Project:
    """The project after one branch was merged into the other."""
    project = copy(branches)
    git(project.path, "switch", "--quiet", "zebra")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    git(project.path, *identity, "merge", "--quiet", "--no-edit", "origin/order")
    return project


def test_they_merge_without_a_conflict_and_one_command_restores_the_order(merged: Project) -> None:
    found = merged.run("template", "check", code=1)
    assert "To repair: uv run template check --fix" in found
    merged.run("template", "check", "--fix")
    commit(merged.path, "Repair")
    assert "The service is what its release renders" in merged.run("template", "check")

    failure = merged.pytest(MIGRATIONS, "-k", "head", code=1)
    changes = dict(re.findall(r'  in (\S+): (down_revision.* = "\w+")', failure))
    assert sorted(changes) == [
        "migrations/versions/order_add_order.py",
        "migrations/versions/zebra_add_zebra.py",
    ]
    file = merged.path / "migrations/versions/order_add_order.py"
    change = changes["migrations/versions/order_add_order.py"]
    file.write_text(re.sub(r"^down_revision.*$", change, file.read_text(), flags=re.MULTILINE))

    merged.pytest(code=0, **fewer(f"tests/api {MIGRATIONS}"))
    merged.run("ruff", "check")
    merged.run("ruff", "format", "--check")
    merged.run("mypy")


def test_a_merge_point_of_migrations_passes_too(merged: Project) -> None:
    with database(merged) as url:
        merged.alembic("merge", "--message", "merge", "order", "zebra", DATABASE_URL=url)
    merged.pytest(MIGRATIONS)
    merged.run("mypy")
