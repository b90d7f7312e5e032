"""Lists offer what an index serves, and PostgreSQL uses it."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.harness.project import Copy, Project

OVERLAY = Path(__file__).with_name("overlay")


def test_pages_of_a_long_table_are_read_from_an_index(
    rendered: Callable[[str], Project], copy: Copy
) -> None:
    project = copy(rendered("every_field_type"))
    shutil.copytree(OVERLAY, project.path, dirs_exist_ok=True)
    project.pytest("tests/test_indexes.py")
