"""Where user and template want different things, the user decides, and cannot overlook it."""

import re
import shutil
from pathlib import Path

import pytest
from copier.errors import UserMessageError

from tests.harness.project import Project, environment_with_uv, run
from tests.harness.shared import once
from tests.harness.template import ROOT, commit, git
from tests.harness.updates import ANSWERS_FILE, follow, next_release, replace, update

COLLISIONS = {
    "both changed a line": (
        "app/database.py",
        "Sessionmaker = async_sessionmaker[AsyncSession]\n",
        "Sessionmaker = MySessionmaker\n",
        "Sessionmaker = TheirSessionmaker\n",
    ),
    "I changed a line that the template removed": (
        ".env.example",
        "ENVIRONMENT=development\n",
        "ENVIRONMENT=mine\n",
        "",
    ),
    "I removed a line that the template changed": (
        "compose.yaml",
        "    stop_grace_period: 90s # to write its data to the disk\n",
        "",
        "    stop_grace_period: 120s # theirs\n",
    ),
}
"""A file, what was there, what the user made of it and what the template did."""

ADDED = "app/metrics.py"


def source(file: str) -> str:
    """What the template renders the file from."""
    path = f"template/{file}"
    return path if (ROOT / path).exists() else f"{path}.jinja"


@pytest.fixture(scope="session")
def conflicted(shared: Path, template: Path, default_project: Project) -> Project:
    """A project after an update that wanted what its user did not."""

    def build(target: Path) -> None:
        mine = {file: (old, my) for file, old, my, _ in COLLISIONS.values()}
        theirs = {source(file): (old, new) for file, old, _, new in COLLISIONS.values()}
        newer = next_release(template, target.with_name("their template"), theirs)
        (newer / "template" / ADDED).write_text("# Theirs\n")
        commit(newer, "Add")
        git(newer, "tag", "--force", "1000.0.0")

        git(shared, "clone", "--quiet", str(default_project.path), str(target))
        replace(target, mine)
        (target / ADDED).write_text("# Mine\n")
        follow(Project(target), newer)
        update(Project(target), "1000.0.0")

    return Project(once(shared / "conflicted", build))


def test_what_both_changed_is_in_conflict_and_nothing_else_is(conflicted: Project) -> None:
    unmerged = git(conflicted.path, "diff", "--name-only", "--diff-filter=U").split()
    assert unmerged == sorted([ADDED, *(file for file, *_ in COLLISIONS.values())])
    changes = {line[3:]: line[:2] for line in conflicted.changes().splitlines()}
    assert changes == {ANSWERS_FILE: " M"} | dict.fromkeys(unmerged, "UU")


@pytest.mark.parametrize("collision", COLLISIONS)
def test_a_conflict_shows_what_each_side_wants(conflicted: Project, collision: str) -> None:
    file, _, mine, theirs = COLLISIONS[collision]
    assert sides(conflicted, file) == (mine, theirs)


def test_files_that_both_added_are_in_conflict(conflicted: Project) -> None:
    assert sides(conflicted, ADDED) == ("# Mine\n", "# Theirs\n")


def sides(project: Project, file: str) -> tuple[str, str]:
    """What the only conflict of a file shows as the user's and as the template's."""
    text = (project.path / file).read_text()
    [found] = re.findall(
        "<<<<<<< before updating\n(.*?)=======\n(.*?)>>>>>>> after updating\n", text, re.DOTALL
    )
    mine, theirs = found
    return mine, theirs


def test_git_offers_each_side(conflicted: Project) -> None:
    file, old, mine, theirs = COLLISIONS["both changed a line"]
    for stage, text in ((1, old), (2, mine), (3, theirs)):
        assert text in git(conflicted.path, "show", f":{stage}:{file}")


def test_there_is_no_second_update_before_the_first_is_resolved(conflicted: Project) -> None:
    before = conflicted.changes()
    with pytest.raises(UserMessageError, match="dirty"):
        update(conflicted, "1000.0.0")
    assert conflicted.changes() == before


def test_the_hooks_refuse_to_commit_conflicts_and_rejects(
    conflicted: Project, default_project: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "a copy", default_project.venv)
    shutil.copytree(conflicted.path, project.path, symlinks=True)
    (project.path / "app" / "main.py.rej").touch()
    project.run("prek", "install")
    git(project.path, "add", "--all")
    refused = run(
        *("git", "-c", "user.name=test", "-c", "user.email=test@example.com"),
        *("commit", "--message", "Update"),
        cwd=project.path,
        variables=environment_with_uv(**project.variables()),
        code=1,
    )
    assert re.search(r"no rejected changes of an update\.+Failed", refused)
    assert re.search(r"no conflict markers\.+Failed", refused)
    for file in [ADDED, *(file for file, *_ in COLLISIONS.values())]:
        assert re.search(rf"{file}:\d+:<<<<<<< before updating", refused)
