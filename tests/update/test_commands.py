"""`uv run template update` and `uv run resource`, as a user runs them."""

import os
import signal
from pathlib import Path

import pytest

from tests.harness.processes import Family, eventually
from tests.harness.project import Project
from tests.harness.shared import once
from tests.harness.template import commit, git, write
from tests.harness.updates import ANSWERS_FILE, follow, next_release, replace

ITEM = "app/resources/item"
THEIRS = {
    "template/app/health.py": ('"""', '"""Theirs. '),
    "template/app/settings.py.jinja": (
        "    # Your own settings go below this line.\n",
        "    theirs: int = 1\n\n    # Your own settings go below this line.\n",
    ),
}
MINE = {
    "app/settings.py": (
        "    # Your own settings go below this line.\n",
        "    # Your own settings go below this line.\n\n    mine: int = 1  \n",
    ),
    f"{ITEM}/crud.py": (
        "    # Your own queries go below this line.\n",
        "    # Your own queries go below this line.\n\n    mine = 1\n",
    ),
}
"""A text of each file, and what it becomes."""

HARMFUL_SETTINGS = {
    "apply.whitespace": "fix",
    "commit.gpgSign": "true",
    "core.autocrlf": "input",
    "core.excludesFile": "{}/ignore",
    "core.hooksPath": "{}/hooks",
    "diff.noprefix": "true",
    "merge.conflictStyle": "diff3",
    "status.showUntrackedFiles": "no",
}


@pytest.fixture(scope="session")
def newer(shared: Path, template: Path) -> Path:
    """A template that has a release after the one of the projects."""

    def build(target: Path) -> None:
        next_release(template, target, THEIRS)

    return once(shared / "newer template", build)


@pytest.fixture
def project(own_project: Project, newer: Path) -> Project:
    """A project with edits, whose template has a newer release."""
    replace(own_project.path, MINE)
    follow(own_project, newer)
    return own_project


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """The configuration of a user whose git has every setting that loses work with Copier alone."""
    write(tmp_path, {"ignore": "*.py\n", "hooks/pre-commit": "#!/bin/sh\nexit 1\n"})
    (tmp_path / "hooks" / "pre-commit").chmod(0o755)
    config = tmp_path / "gitconfig"
    for name, value in HARMFUL_SETTINGS.items():
        git(tmp_path, "config", "--file", str(config), name, value.format(tmp_path))
    return str(config)


def test_both_commands_lose_nothing_whatever_the_settings(project: Project, settings: str) -> None:
    said = project.run("template", "update", GIT_CONFIG_GLOBAL=settings)
    assert said.startswith("Updated from 999.0.0 to 1000.0.0.")
    check_edits(project)
    assert "Theirs." in (project.path / "app" / "health.py").read_text()
    assert "theirs: int" in (project.path / "app" / "settings.py").read_text()
    commit(project.path, "Update")

    project.run("resource", "add", "order total:int item:ref(item)", GIT_CONFIG_GLOBAL=settings)
    check_edits(project)
    assert (project.path / "app" / "resources" / "order" / "models.py").exists()
    commit(project.path, "Orders")
    assert project.run("template", "update", GIT_CONFIG_GLOBAL=settings) == (
        "Nothing to change: the service has release 1000.0.0.\n"
    )


def check_edits(project: Project) -> None:
    for file, (_, mine) in MINE.items():
        assert mine in (project.path / file).read_text()


def test_a_conflict_ends_the_update_with_what_to_do(project: Project) -> None:
    replace(project.path, {"app/health.py": ('"""', '"""Mine. ')})
    commit(project.path, "Work")
    said = project.run("template", "update", code=1)
    assert "you and the template changed the same lines of:\n  app/health.py\n" in said
    assert "<<<<<<< before updating\n" in (project.path / "app" / "health.py").read_text()


def test_ctrl_c_changes_nothing(project: Project) -> None:
    family = Family()
    with project.start("template", "update", **family.variables) as running:
        assert eventually(lambda: any("copier" in line for line in family.commands()))
        os.killpg(running.process.pid, signal.SIGINT)  # as a terminal does
        said = running.wait(None)
    assert said.endswith("Interrupted. Nothing was changed.\n")
    assert project.changes() == ""


def test_a_service_from_after_the_last_release_is_told_what_that_means(
    project: Project, newer: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    git(tmp_path, "clone", "--quiet", str(newer), str(later))
    commit(later, "Work")
    follow(project, later)
    project.run("template", "update", "--to", "HEAD")
    commit(project.path, "Update to a commit")
    said = project.run("template", "update", code=1)
    assert said.startswith("The service has 1000.0.0-1-g")
    assert "rendered from a commit of the template after its last release" in said
    assert project.changes() == ""


def test_a_template_without_access_is_named_with_gits_reason(project: Project) -> None:
    answers = project.path / ANSWERS_FILE
    lines = answers.read_text().splitlines(keepends=True)
    source = "_src_path: git+file:///nowhere/template\n"
    answers.write_text("".join(source if "_src_" in line else line for line in lines))
    commit(project.path, "Moved")
    said = project.run("template", "update", code=1)
    assert said.startswith(
        "The update from the template at git+file:///nowhere/template failed: fatal: "
    )
    assert said.count("\n") == 1
    assert project.run("template", "check", code=1) == said
    assert project.run("template", "check", "--if-reachable") == f"Not checked. {said}"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            "ci: nothing",
            "Invalid choice for 'ci': 'nothing' is not in ['github', 'gitlab', 'none']\n",
        ),
        ('ci: "github', ".copier-answers.yml is not valid YAML: "),
    ],
)
def test_answers_that_are_invalid_are_no_lack_of_access(
    project: Project, answer: str, sentence: str
) -> None:
    replace(project.path, {ANSWERS_FILE: ("ci: github", answer)})
    commit(project.path, "Edit")
    said = project.run("template", "check", "--if-reachable", code=1)
    assert said.startswith(sentence)
    assert said.count("\n") == 1


def test_a_release_that_there_is_not_is_named(project: Project) -> None:
    said = project.run("template", "update", "--to", "1.2.3", code=1)
    assert said.startswith("The template at ")
    assert said.endswith(" has no release '1.2.3'.\n")


def test_a_relative_address_that_leads_elsewhere_is_to_be_replaced(project: Project) -> None:
    answers = project.path / ANSWERS_FILE
    lines = answers.read_text().splitlines(keepends=True)
    answers.write_text("".join("_src_path: .\n" if "_src_" in line else line for line in lines))
    commit(project.path, "Rendered from where the template is")
    said = project.run("template", "update", code=1)
    assert said == (
        "The template at . has no release '999.0.0'. Write its address, a URL or an absolute path, "
        "as _src_path into .copier-answers.yml, and commit.\n"
    )
    assert project.changes() == ""


def test_an_answer_is_changed_at_the_same_release(project: Project) -> None:
    project.run("template", "answer", "license", "MIT")
    answers = (project.path / ANSWERS_FILE).read_text()
    assert "_commit: 999.0.0\n" in answers
    assert "license: MIT\n" in answers
    assert (project.path / "LICENSE").exists()
    check_edits(project)
    commit(project.path, "License")
    said = project.run("template", "answer", "licence", "MIT", code=1)
    assert said.startswith("The template does not ask 'licence'; its questions: ci, description,")


def test_a_file_is_brought_back_to_what_the_release_renders(project: Project) -> None:
    file, (before, mine) = next(iter(MINE.items()))
    project.run("template", "restore", file)
    assert mine not in (project.path / file).read_text()
    assert before in (project.path / file).read_text()
    assert project.changes() == f" M {file}\n"
    refused = project.run("template", "restore", file, code=1)
    assert refused.startswith("These files have changes that are not in git")
    git(project.path, "checkout", "--quiet", file)
    said = project.run("template", "restore", "own.py", code=1)
    assert said.startswith("The template does not render own.py; paths are relative to ")


def test_check_is_clean_on_a_fresh_service(default_project: Project) -> None:
    assert default_project.run("template", "check") == (
        "The service is what its release renders, with your edits.\n"
    )
