"""The documents of the features work as they are written."""

from pathlib import Path

from tests.docs.recipes import files_of_tests, follow
from tests.harness.project import Project
from tests.harness.template import ROOT, commit, git

FOLDER = ROOT / "docs" / "features"


def test_the_example_of_mail_works(default_project: Project, tmp_path: Path) -> None:
    document = FOLDER / "mail.md"
    git(tmp_path, "clone", "--quiet", str(default_project.path), "service")
    project = Project(tmp_path / "service")
    project.run("true")
    commit(project.path, "Lock")
    follow(document, project, "")
    project.run("ruff", "check", "--select", "I", "--fix")
    project.run("ruff", "check")
    project.run("ruff", "format", "--check")
    for way in ("sandbox", "committed"):
        assert "1 passed" in project.run("pytest", *files_of_tests(document), f"--db={way}")
