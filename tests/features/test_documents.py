"""The documents of the features work as they are written."""

from pathlib import Path

import pytest

from tests.docs.recipes import files_of_tests, follow
from tests.harness.project import MIGRATIONS, Project, render
from tests.harness.service import database
from tests.harness.template import ROOT, commit, git
from tests.harness.thorough import fewer, usually

FOLDER = ROOT / "docs" / "features"


@pytest.mark.parametrize("feature", usually(["tenancy", "auth", "jobs", "realtime", "mail"], 2))
def test_its_steps_and_examples_work(
    default_project: Project, tmp_path: Path, feature: str
) -> None:
    document = FOLDER / f"{feature}.md"
    git(tmp_path, "clone", "--quiet", str(default_project.path), "service")
    project = Project(tmp_path / "service").install(like=default_project)
    commit(project.path, "Lock")
    follow_and_check(document, project, default_project)


def follow_and_check(document: Path, project: Project, default_project: Project) -> None:
    with database(project) as url:
        follow(document, project, url, with_tenants=False, **fewer(MIGRATIONS))
    project.run("ruff", "check", "--select", "I", "--fix")
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    project.run("mypy", MYPY_CACHE_DIR=default_project.mypy_cache())
    for way in usually(("sandbox", "committed"), 1):
        project.pytest(*files_of_tests(document), f"--db={way}")


def test_invitations_work_as_they_are_written(
    template: Path, default_project: Project, tmp_path: Path
) -> None:
    project = render(template, tmp_path / "service", {"features": ["auth", "tenancy"]})
    project.install(like=default_project)
    follow_and_check(FOLDER / "invitations.md", project, default_project)


EXECUTE = """
import asyncio, os
from sqlalchemy import text
from app.database import create_engine
from app.settings import DatabaseSettings

async def main():
    engine = create_engine(DatabaseSettings())
    async with engine.begin() as connection:
        print(*await connection.scalars(text(os.environ["SQL"])))
    await engine.dispose()

asyncio.run(main())
"""


def test_tenancy_comes_to_tables_with_rows(default_project: Project, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(default_project.path), "service")
    project = Project(tmp_path / "service").install(like=default_project)
    commit(project.path, "Lock")
    with database(project) as url:
        project.alembic("upgrade", "head", DATABASE_URL=url)
        rows = "INSERT INTO items (name) VALUES ('lamp'), ('Acme desk') RETURNING id"
        assert project.python(EXECUTE, DATABASE_URL=url, SQL=rows) == "1 2\n"
        follow(FOLDER / "tenancy-with-rows.md", project, url)
        names = "SELECT tenants.name FROM items JOIN tenants ON tenants.id = tenant_id ORDER BY 1"
        assert project.python(EXECUTE, DATABASE_URL=url, SQL=names) == "Acme First\n"
        project.alembic("check", DATABASE_URL=url)
        project.alembic("downgrade", "0001", DATABASE_URL=url)
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    project.run("mypy", MYPY_CACHE_DIR=default_project.mypy_cache())
