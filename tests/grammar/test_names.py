"""Code looks as ruff wants it, whatever the names in it are."""

import builtins
import re
from pathlib import Path

import pytest

from tests.grammar.macros import problem
from tests.harness.answers import FIELDS, resources_of
from tests.harness.project import Project, render

LONGEST = 40
LENGTHS = range(20, LONGEST + 1)  # with shorter names every line fits


def stretched(name: str, length: int) -> str:
    return name.ljust(length, "x")


def with_fields_of(length: int) -> dict[str, str]:
    """A field of every type whose column's name has this length, with each of its marks."""
    fields = {}
    for field, default in FIELDS.items():
        name, _, type_ = field.partition(":")
        suffix = len("_id") if type_.startswith("ref(") else 0
        # The name of such a field is twice in one of PostgreSQL, of at most 63 characters.
        most = 26 if type_.startswith("refs(") else LONGEST
        fields[f"{stretched(name, min(length - suffix, most))}:{type_}"] = default
    return {f"{name[0]}{length}": line for name, line in resources_of(fields).items()}


def of_length(length: int) -> dict[str, str]:
    """A resource whose name has this length, and one that refers to it by names as long."""
    name = stretched(f"r{length}", length)
    reference = stretched("ref", min(length, LONGEST - len("_id")))
    state = "state:enum(a|b)" if length < LONGEST else "state:str"
    return {name: f"name:str {state}", f"s{length}": f"{reference}:ref({name}) b:ref({name})?"}


def long_names() -> dict[str, str]:
    resources = {"maker": "name:str"}
    for length in LENGTHS:
        resources |= with_fields_of(length) | of_length(length)
    return resources


def names_of_builtins() -> dict[str, str]:
    """Resources with a class named like one of Python (`Warning`), and references to them."""
    classes = [name for name in dir(builtins) if re.fullmatch("([A-Z][a-z]+)+", name)]
    names = [re.sub("(?<!^)(?=[A-Z])", "_", name).lower() for name in classes]
    resources = {name: "name:str" for name in names if not problem({name: "name:str"}, "")}
    return resources | {f"{name}_note": f"about:ref({name})" for name in resources}


@pytest.mark.parametrize("resources", [long_names(), names_of_builtins()], ids=["long", "builtins"])
def test_ruff_would_change_nothing(
    template: Path, default_project: Project, tmp_path: Path, resources: dict[str, str]
) -> None:
    assert resources
    assert problem(resources, "") == ""
    path = tmp_path / "project"
    render(template, path, {"resource": "", "resources": resources})
    for command in ("ruff check", "ruff format --check"):
        Project(path, default_project.venv).run(*command.split())
