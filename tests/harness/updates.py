"""Updates of rendered projects, as their users make them."""

import os
import re
from pathlib import Path
from unittest import mock

from copier import VcsRef, run_update

from dev.template import update as guarded
from dev.template.git import Repository
from tests.harness.project import Project, tool_folder
from tests.harness.template import NEXT_RELEASE, ROOT, commit, git

ANSWERS_FILE = ".copier-answers.yml"


def update(
    project: Project,
    release: str | VcsRef = NEXT_RELEASE,
    answers: dict[str, object] | None = None,
    *,
    trust: bool = False,
) -> None:
    """Update as `copier update --defaults` does; the changes are left uncommitted."""
    run_update(
        project.path,
        data=answers or {},
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=trust,
        vcs_ref=release,
    )


def merge(
    project: Project,
    release: str | VcsRef = NEXT_RELEASE,
    answers: dict[str, object] | None = None,
) -> None:
    """Update with Copier alone, and commit. Raises AssertionError if there are conflicts."""
    update(project, release, answers)
    _commit_without_conflicts(project)


def merge_guarded(project: Project, release: str, answers: dict[str, object]) -> None:
    """The same as `uv run template update` and `uv run resource` do it."""
    with mock.patch.dict(os.environ, UV_TOOL_DIR=str(tool_folder())):
        guarded.update(Repository(project.path), guarded.Change(answers, release))
    _commit_without_conflicts(project)


def _commit_without_conflicts(project: Project) -> None:
    changes = project.changes()
    assert re.findall(r"^(?:[AU][AU]|.*\.(?:rej|orig)$).*", changes, re.MULTILINE) == [], changes
    commit(project.path, "Update")


def written_once() -> list[str]:
    """The files that belong to the user, as pathspecs: updates leave them as they are."""
    text = (ROOT / "copier.yml").read_text()
    block = re.search(r"{% if _copier_operation == 'update' %}(.+?){% endif %}", text, re.DOTALL)
    assert block is not None
    return [f":(glob){path.lstrip('/')}" for path in block[1].split()]


def difference(project: Project, other: Project, paths: list[str]) -> str:
    """What git finds different between the last commits of two projects."""
    git(project.path, "fetch", "--quiet", str(other.path), "HEAD")
    return git(project.path, "diff", "HEAD", "FETCH_HEAD", "--", *paths)


def next_release(template: Path, target: Path, edits: dict[str, tuple[str, str]]) -> Path:
    """A clone of the template in which texts are replaced, released as 1000.0.0."""
    git(template, "clone", "--quiet", str(template), str(target))
    replace(target, edits)
    commit(target, "Next")
    git(target, "tag", "1000.0.0")
    return target


def replace(folder: Path, edits: dict[str, tuple[str, str]]) -> None:
    """Replace the first occurrence of a text in each file."""
    for file, (old, new) in edits.items():
        text = (folder / file).read_text()
        assert old in text, f"{file} has no {old}"
        (folder / file).write_text(text.replace(old, new, 1))


def follow(project: Project, template: Path) -> None:
    """Let the project take its updates from another template."""
    answers = project.path / ANSWERS_FILE
    text = re.sub(
        r"^_src_path: .*", f"_src_path: {template}", answers.read_text(), flags=re.MULTILINE
    )
    answers.write_text(text)
    commit(project.path, "Follow another template")
