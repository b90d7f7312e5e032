"""Lists offer what an index serves, PostgreSQL uses it, and a search finds what has its words."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.harness.project import Copy, Project

OVERLAY = Path(__file__).with_name("overlay")


def test_lists_are_read_from_indexes_and_searches_find_words(
    rendered: Callable[[str], Project], copy: Copy
) -> None:
    project = copy(rendered("every_field_type"))
    shutil.copytree(OVERLAY, project.path, dirs_exist_ok=True)
    project.pytest("tests/test_indexes.py", "tests/test_search.py")
