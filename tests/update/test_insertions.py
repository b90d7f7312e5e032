"""A line that a user inserts into a class is in that class after an update, or in a conflict.

With three lines of context, as `copier update` looks for them, some land in another class: many
classes repeat the same lines. Random insertions into the classes of every release.
"""

import os
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from dev.template import update as update_module
from dev.template.git import Repository
from dev.template.update import Change, update
from tests.harness.template import RELEASES, commit, git
from tests.harness.updates import ANSWERS_FILE
from tests.update.conftest import Render

SEEDS = range(int(os.environ.get("SEEDS", "1")))
SCOPE = re.compile(r"^(?:class|(?:async )?def) (\w+)")
CONFLICT = re.compile(r"^<{7} .*?^>{7} .*?\n", re.MULTILINE | re.DOTALL)
INSERTIONS = 4
"""In each file."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("release", RELEASES)
def test_an_inserted_line_stays_in_its_class(
    old: Render,
    today: Render,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    release: str,
    seed: int,
) -> None:
    renders = {release: old(release, "default").path, "new": today(release, "default").path}

    def render(_: str, version: str, __: Path, target: Path, *___: Any) -> None:
        shutil.copytree(renders[version], target, ignore=shutil.ignore_patterns(".git", ".venv"))

    monkeypatch.setattr(update_module, "render", render)
    service = tmp_path / "service"
    git(tmp_path, "clone", "--quiet", str(renders[release]), str(service))
    chance = random.Random(seed)
    before: dict[str, str] = {}
    for path in sorted(service.glob("app/**/*.py")):
        before |= insert(path, len(before), chance)
    commit(service, "Work")
    assert ANSWERS_FILE in git(service, "ls-files")

    update(Repository(service), Change(release="new"))
    after: dict[str, str] = {}
    for path in sorted(service.glob("app/**/*.py")):
        lines = CONFLICT.sub("", path.read_text()).splitlines()
        there = {match[1] for match in map(SCOPE.match, lines) if match}
        # Where the release has renamed a class, there is nothing to compare.
        after |= {mine: scope for mine, scope in scopes(lines).items() if before[mine] in there}
    assert len(after) >= 20
    assert after == {mine: before[mine] for mine in after}


def insert(path: Path, start: int, chance: random.Random) -> dict[str, str]:
    """Insert comments into the classes and functions of a module; return where each is."""
    lines = path.read_text().splitlines()
    indented = [number for number, line in enumerate(lines) if line.startswith("    ")]
    chosen = sorted(chance.sample(indented, min(INSERTIONS, len(indented))), reverse=True)
    for count, number in enumerate(chosen, start=start):
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        lines.insert(number, f"{indent}# mine {count}")
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
