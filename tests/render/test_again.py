"""Rendering again what has been rendered."""

from pathlib import Path

from copier import run_copy

from tests.harness.answers import ANSWERS
from tests.harness.project import Copy, Project
from tests.harness.template import NEXT_RELEASE
from tests.harness.updates import update


def test_rendering_again_changes_nothing(project: Project, template: Path, copy: Copy) -> None:
    again = copy(project)
    answers = ANSWERS[project.path.name]
    run_copy(
        str(template),
        again.path,
        data=answers,
        defaults=True,
        overwrite=True,
        quiet=True,
        vcs_ref=NEXT_RELEASE,
    )
    assert again.changes() == ""


def test_an_update_without_a_newer_release_changes_nothing(project: Project, copy: Copy) -> None:
    again = copy(project)
    update(again)
    assert again.changes() == ""
