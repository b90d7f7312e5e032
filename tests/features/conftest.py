"""Projects with features, in an environment of their own: each feature has dependencies."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from tests.harness.answers import FEATURES
from tests.harness.project import Project, render
from tests.harness.shared import once
from tests.harness.template import commit, git, write
from tests.harness.updates import replace

OWNED = {
    "item": "name:str(100)!",
    "order": (
        "owner total:decimal(10,2)* note:text?~ code:str(20)! paid_at:datetime?*@ item:ref(item)"
    ),
    "order_line": (
        "owner label:str order:ref(order) replaces:ref(order)? offers:refs(item) "
        "paid_by:refs(order)"
    ),
}
"""Rows with an owner that refer to rows with and without one."""

FEATURED: dict[str, dict[str, object]] = {
    "mail": {"features": ["mail"]},
    "auth": {"features": ["auth"]},
    "jobs": {"features": ["jobs"]},
    "mail by jobs": {"features": ["jobs", "mail"]},
    "owners": {
        "features": ["auth", "jobs", "realtime"],
        "resource": "",
        "resources": OWNED,
    },
    "realtime": {"features": ["realtime"]},
    "realtime with users": {
        "features": ["auth", "realtime"],
        "resource": "",
        "resources": {
            "item": "name:str(100)!",
            "order_line": "owner label:str item:ref(item)",
        },
    },
    "tenants with owners": {
        "features": ["auth", "jobs", "realtime", "tenancy"],
        "resource": "",
        "resources": OWNED,
    },
    # References and lists of them, values that are unique and searched.
    "tenants": {
        "features": ["tenancy"],
        "resource": "",
        "resources": {
            "item": "name:str(100)! note:text?~ price:decimal(10,2)*=0",
            "order": "code:str(20)! state:enum(new|paid)*=new item:ref(item) gift:ref(item)?",
            "order_line": "label:str order:ref(order)! offers:refs(item)",
        },
    },
    "tenants with jobs": {
        "features": ["jobs", "realtime", "tenancy"],
        "resource": "",
        "resources": {
            "item": "name:str(100)! note:text?~",
            "order_line": "label:str item:ref(item)",
        },
    },
}
"""The sets of answers that projects with features are rendered with: each feature, all of them, and
combinations with resources that need them."""

PAIRS: dict[str, dict[str, object]] = {
    f"{one} and {other}": {"features": [one, other]}
    for one, other in combinations(FEATURES, 2)
    if (one, other) not in {("auth", "mail"), ("jobs", "mail")}  # the sets "auth", "mail by jobs"
}
FEATURED |= PAIRS

Featured = Callable[[str], Project]
"""The project of a set. Tests may run it but must not change it."""


@pytest.fixture(scope="session")
def featured(shared: Path, template: Path, default_project: Project) -> Featured:
    def build(target: Path) -> None:
        answers = FEATURED[target.name.removeprefix("with ")]
        render(template, target, answers).install(like=default_project)

    return lambda name: Project(once(shared / f"with {name}", build))


OWN_MODULE = {"app/own.py": "MINE = 1\n"}

AddedTo = Callable[[str, dict[str, tuple[str, str]]], Project]
"""The project that has got a feature after its user had edited it."""


@pytest.fixture(scope="session")
def added_to_edited(shared: Path, default_project: Project) -> AddedTo:
    """Adds a feature to a service with these edits; what the command says is in the commit."""

    def added(feature: str, edits: dict[str, tuple[str, str]]) -> Project:
        def build(target: Path) -> None:
            git(shared, "clone", "--quiet", str(default_project.path), str(target))
            project = Project(target, default_project.venv)
            replace(target, edits)
            write(target, OWN_MODULE)
            commit(target, "Work")
            said = project.run("feature", "add", feature)
            commit(target, f"Add {feature}\n\n{said}")

        return Project(once(shared / f"edited with {feature}", build), default_project.venv)

    return added
