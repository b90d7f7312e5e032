"""Resources whose routers are included under a prefix."""

import shutil
from pathlib import Path

from tests.harness.project import Copy, Project

OVERLAY = Path(__file__).with_name("overlay")


def test_a_resource_can_be_included_under_any_prefix(default_project: Project, copy: Copy) -> None:
    project = copy(default_project)
    shutil.copytree(OVERLAY, project.path, dirs_exist_ok=True)
    project.pytest("tests/test_prefixes.py")
