"""What a user has written survives whatever happens to the resources and to the template.

Random sequences of updates: twenty long ones with SEEDS=20, as `nox -s update` runs them.
"""

import os
import random
import re
import shlex
from pathlib import Path

import pytest
import yaml

from dev.template.update import CURRENT
from tests.harness.project import Copy, Project
from tests.harness.service import database
from tests.harness.shared import once
from tests.harness.template import NEXT_RELEASE, RELEASES, ROOT, git
from tests.harness.thorough import THOROUGH, fewer
from tests.harness.updates import ANSWERS_FILE, merge_guarded
from tests.update.conftest import OLDEST, Render
from tests.update.users_work import EDITS, PLACE, edit, in_place, work

SEEDS = range(int(os.environ.get("SEEDS", "1")))
STEPS = 4 if THOROUGH else 2

NAMES = ["author", "box", "city", "invoice", "moon", "order", "zebra"]
FIELDS = [
    "code:str(20)!",
    "note:text?",
    "count:int=7",
    "weight:float?",
    "total:decimal(10,2)!",
    "active:bool=true",
    "born:date?",
    "seen_at:datetime=now",
    "token:uuid!",
    "data:json?",
    "state:enum(fresh|used)=used",
]
NEEDED = ["name:str(100)!", "price:decimal(10,2)=0"]
"""Fields of `item` that the user's work relies on."""

MIGRATE = re.findall(
    "uv run (alembic revision .*)",
    yaml.safe_load((ROOT / "copier.yml").read_text())["_message_after_update"],
)[0]
"""What Copier prints after an update."""


BY_HAND = re.findall(
    r"^```sh\n(git grep .*?)^```",
    (ROOT / "CHANGELOG.md").read_text(),
    re.DOTALL | re.MULTILINE,
)
"""The commands of the changelog that adapt a user's own code."""


@pytest.fixture(scope="session")
def worked_on(shared: Path, old: Render, default_project: Project) -> Project:
    """A project of the oldest release that a user has worked on, with a lock file."""

    def build(target: Path) -> None:
        git(shared, "clone", "--quiet", str(old(OLDEST, "default").path), str(target))
        work(Project(target).install(like=default_project))

    return Project(once(shared / "worked on", build))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_user_has_written_survives(
    worked_on: Project, default_project: Project, copy: Copy, seed: int
) -> None:
    project = copy(worked_on).with_own_venv()
    chance = random.Random(seed)
    newer = [*RELEASES, NEXT_RELEASE][1:]
    updates = sorted(chance.choices(range(STEPS), k=len(newer)))
    for step in range(STEPS):
        for release in [new for new, at in zip(newer, updates, strict=True) if at == step]:
            merge_and_compare(project, release, {})
            edit(project)  # where the release has brought places for it
        line = resource_line(memory(project), chance)
        merge_and_compare(project, CURRENT, {"resource": line})
    assert set(in_place(project).values()) == {True}, in_place(project)

    project.install(like=default_project)  # what the releases require
    with database(project) as url:
        for command in ("alembic upgrade head", MIGRATE, "alembic upgrade head", "alembic check"):
            _, *arguments = shlex.split(command)
            project.alembic(*arguments, DATABASE_URL=url)
    assert BY_HAND
    for commands in BY_HAND:
        project.run("bash", "-euc", commands)
    project.run("ruff", "check")
    variables = fewer("tests/api tests/integration")
    project.pytest(code=0, **variables)


def test_there_is_work_at_every_place_for_it(default_project: Project) -> None:
    places = {
        (file, line)
        for file in default_project.files()
        for line in PLACE.findall((default_project.path / file).read_text())
    }
    assert places == {(edit.file, edit.below) for edit in EDITS if PLACE.fullmatch(edit.below)}


def merge_and_compare(project: Project, release: str, answers: dict[str, object]) -> None:
    """Raises AssertionError if an update leaves conflicts or undoes some of the user's work."""
    before = in_place(project)
    merge_guarded(project, release, answers)
    after = in_place(project)
    assert [what for what, there in before.items() if there and not after[what]] == [], answers


def memory(project: Project) -> dict[str, str]:
    answers = yaml.safe_load((project.path / ANSWERS_FILE).read_text())
    resources: dict[str, str] = answers["resources"]
    return resources


def resource_line(resources: dict[str, str], chance: random.Random) -> str:
    """A line that adds a resource, or changes or drops one that is there."""
    others = sorted(resources.keys() - {"item"})
    free = [name for name in others if f"ref({name})" not in " ".join(resources.values())]
    match chance.choice(["add", "add", "change", "change item", "drop"]):
        case "drop" if free:
            return f"-{chance.choice(free)}"
        case "change" if others:
            name = chance.choice(others)
        case "change item":
            name = "item"
        case _:
            name = chance.choice([name for name in NAMES if name not in others])
    needed = NEEDED if name == "item" else []
    before = [other for other in resources if other < name]  # so that there are no circles
    return " ".join([name, *needed, *random_fields(before, chance)])


def random_fields(targets: list[str], chance: random.Random) -> list[str]:
    """Some fields; one may refer to another resource."""
    chosen = chance.sample(FIELDS, chance.randint(1, 4))
    if targets and chance.random() < 0.5:
        target = chance.choice(targets)
        chosen.append(f"{target}:ref({target}){chance.choice(['', '?', '!'])}")
    return chosen
