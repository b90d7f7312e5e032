"""Rendering again what has been rendered."""

from collections.abc import Callable
from pathlib import Path

import pytest
from copier import run_copy

from tests.harness.answers import ANSWERS
from tests.harness.project import Copy, Project
from tests.harness.template import NEXT_RELEASE
from tests.harness.thorough import usually
from tests.harness.updates import update

# What a user gets who only presses Enter, and what is hardest to remember.
NAMES = sorted(ANSWERS, key=lambda name: name not in {"default", "awkward"})


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


@pytest.mark.parametrize("name", usually(NAMES, 2))
def test_an_update_without_a_newer_release_changes_nothing(
    rendered: Callable[[str], Project], copy: Copy, name: str
) -> None:
    again = copy(rendered(name))
    update(again)
    assert again.changes() == ""
