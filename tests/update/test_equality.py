"""A project that was updated is the project that would be rendered today."""

from pathlib import Path

import pytest

from tests.harness.project import Copy, Project, render
from tests.harness.template import git
from tests.harness.thorough import usually
from tests.harness.updates import difference, merge, written_once
from tests.update.conftest import OLD, OLDEST, Render

SEQUENCES: dict[str, tuple[str, list[str], dict[str, str]]] = {
    "references that move": (
        "related",
        [
            "shelf/shelves label:str!",
            "book/books_owned shelf:ref(shelf)? title:text",
            "-author",
        ],
        {"book/books_owned": "shelf:ref(shelf)? title:text", "shelf/shelves": "label:str!"},
    ),
    "the first resource": (
        "no_resource",
        ["note at:datetime=now text:text"],
        {"note": "at:datetime=now text:text"},
    ),
    "add, change and drop": (
        "default",
        [
            "maker name:str!",
            "order placed_on:date item:ref(item) maker:ref(maker)",
            "item name:str(50)! state:enum(fresh|used)=fresh price:decimal(12,2)?",
            "-order",
        ],
        {
            "item": "name:str(50)! state:enum(fresh|used)=fresh price:decimal(12,2)?",
            "maker": "name:str!",
        },
    ),
}
"""The set of answers at the start, the lines given to `resource`, and the memory at the end."""


FIRST = [(release, name) for release, name in OLD if name == "every_field_type"]
"""Updates from every release."""


@pytest.mark.parametrize(
    ("release", "name"), usually([*FIRST, *(pair for pair in OLD if pair not in FIRST)], len(FIRST))
)
def test_an_update_equals_a_fresh_render(
    old: Render, today: Render, copy: Copy, release: str, name: str
) -> None:
    updated = copy(old(release, name))
    merge(updated)
    assert_equal(updated, today(release, name))


@pytest.mark.parametrize("sequence", usually(SEQUENCES, 2))
def test_resources_that_came_one_by_one_equal_a_fresh_render(
    template: Path, old: Render, copy: Copy, tmp_path: Path, sequence: str
) -> None:
    name, lines, memory = SEQUENCES[sequence]
    project = copy(old(OLDEST, name))
    # The first of these updates brings the newest template as well, the others find it there.
    for line in lines:
        merge(project, answers={"resource": line})
    fresh = render(template, tmp_path / "fresh", {"resource": "", "resources": memory})
    assert_equal(project, fresh)


def assert_equal(updated: Project, fresh: Project) -> None:
    """Raises AssertionError unless the projects are equal but for what belongs to the user, which
    must be as it was at first."""
    once = written_once()
    others = [path.replace(":(", ":(exclude,") for path in once]
    assert difference(updated, fresh, others) == ""
    first = git(updated.path, "rev-list", "--max-parents=0", "HEAD").strip()
    assert git(updated.path, "diff", first, "HEAD", "--", *once) == ""
