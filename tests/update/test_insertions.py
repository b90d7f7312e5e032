"""A line that a user inserts into a class is in that class after an update, or in a conflict.

With three lines of context, as `copier update` looks for them, some land in another class: many
classes repeat the same lines, and the update moves them. So each module of a service of every
release gets a line where it repeats itself, at random.
"""

import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev.template import update as update_module
from dev.template.git import Repository
from dev.template.update import Change, update
from tests.harness.project import render
from tests.harness.shared import once
from tests.harness.template import NEXT_RELEASE, RELEASES, commit, git
from tests.harness.updates import ANSWERS_FILE

SEEDS = range(int(os.environ.get("SEEDS", "1")))
SCOPE = re.compile(r"^(?:class|(?:async )?def) (\w+)")
CONFLICT = re.compile(r"^<{7} .*?^>{7} .*?\n", re.MULTILINE | re.DOTALL)
SPLIT = {"DatabaseSettings": "Settings"}
"""What has become two classes in a release: lines of the old one are rightly in either."""

CONTEXT = 3
"""The lines before and after a change by which `copier update` finds its place."""

FIELDS = " ".join(f"old{number}:int" for number in range(15))
NEW = " ".join(f"new{number}:int" for number in range(15))
LINES = {NEXT_RELEASE: f"item {NEW} {FIELDS}"}
"""What the update brings comes first, so that all else moves."""


@pytest.fixture(scope="session")
def rendered_as(shared: Path, template: Path) -> Callable[[str], Path]:
    """A release's service, before the update or after it."""

    def build(target: Path) -> None:
        release = target.name.removeprefix("insertions ")
        render(template, target, {"resource": LINES.get(release, f"item {FIELDS}")}, release)

    return lambda release: once(shared / f"insertions {release}", build)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("release", RELEASES)
def test_an_inserted_line_stays_in_its_class(
    rendered_as: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    release: str,
    seed: int,
) -> None:
    renders = {name: rendered_as(name) for name in (release, NEXT_RELEASE)}

    def copy_render(_: str, version: str, __: Path, target: Path, *___: Any) -> None:
        shutil.copytree(renders[version], target, ignore=shutil.ignore_patterns(".git", ".venv"))

    monkeypatch.setattr(update_module, "render", copy_render)
    service = tmp_path / "service"
    git(tmp_path, "clone", "--quiet", str(renders[release]), str(service))
    chance = random.Random(seed)
    before: dict[str, str] = {}
    for path in sorted(service.glob("app/**/*.py")):
        before |= insert(path, len(before), chance)
    commit(service, "Work")
    assert ANSWERS_FILE in git(service, "ls-files")

    update(Repository(service), Change(release=NEXT_RELEASE))
    after: dict[str, str] = {}
    for path in sorted(service.glob("app/**/*.py")):
        lines = CONFLICT.sub("", path.read_text()).splitlines()
        there = {match[1] for match in map(SCOPE.match, lines) if match}
        # Where the release has renamed a class, there is nothing to compare.
        after |= {mine: scope for mine, scope in scopes(lines).items() if before[mine] in there}
    assert after  # the older a release, the more names are gone
    for mine, scope in after.items():
        assert SPLIT.get(scope, scope) == SPLIT.get(before[mine], before[mine]), mine


def insert(path: Path, number: int, chance: random.Random) -> dict[str, str]:
    """Insert a comment into a class or function of a module; return where it is."""
    lines = path.read_text().splitlines()
    around = [tuple(lines[n - CONTEXT : n + CONTEXT]) for n in range(len(lines))]
    indented = [n for n, line in enumerate(lines) if line.startswith("    ")]
    repeated = [n for n in indented if around.count(around[n]) > 1 and n >= CONTEXT]
    if not indented:
        return {}
    line = chance.choice(repeated or indented)
    lines.insert(line, f"    # mine {number}")
    path.write_text("\n".join([*lines, ""]))
    return scopes(lines)


def scopes(lines: list[str]) -> dict[str, str]:
    """The class or function in which each inserted line is."""
    found, scope = {}, ""
    for line in lines:
        if match := SCOPE.match(line):
            scope = match[1]
        if "# mine " in line:
            found[line.strip()] = scope
    return found
