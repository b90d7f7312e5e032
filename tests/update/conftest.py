"""Projects of earlier releases, and what they would be today."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.harness.answers import ANSWERS
from tests.harness.project import Project, render
from tests.harness.shared import once
from tests.harness.template import NEXT_RELEASE, RELEASES, ROOT, git
from tools.releases import releases

# Here, so that a clone whose history is cut off says so before tests of its releases are missing.
releases(ROOT)

Answers = dict[str, dict[str, object]]
Render = Callable[[str, str], Project]
"""A project for a release and the name of a set of its answers. Tests must not change it."""

OLDEST = next(iter(RELEASES), NEXT_RELEASE)


@cache
def answers_of(release: str) -> Answers:
    """The sets of answers that a release was tested with, so that it knows them all."""
    if release == NEXT_RELEASE:
        return ANSWERS
    module: dict[str, Answers] = {}
    exec(git(ROOT, "show", f"{RELEASES[release]}:tests/harness/answers.py"), module)
    return module["ANSWERS"]


OLD = [(release, name) for release in RELEASES for name in answers_of(release)]


@pytest.fixture(scope="session")
def old(shared: Path, template: Path) -> Render:
    """What the release renders; not installed."""

    def old(release: str, name: str) -> Project:
        def build(target: Path) -> None:
            render(template, target, answers_of(release)[name], release)

        return Project(once(shared / f"{name} {release}", build))

    return old


@pytest.fixture(scope="session")
def today(shared: Path, template: Path, rendered: Callable[[str], Project]) -> Render:
    """What the working tree renders for the answers of the release."""

    def today(release: str, name: str) -> Project:
        answers = answers_of(release)[name]
        if ANSWERS.get(name) == answers:
            return rendered(name)

        def build(target: Path) -> None:
            render(template, target, answers)

        return Project(once(shared / f"{name} {release} today", build))

    return today
