"""The documentation of the package `dev.sandbox` is the map of its modules."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.template import ROOT

PACKAGE = ROOT / "template" / "dev" / "sandbox"
MODULES = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}


def on_the_map() -> list[str]:
    """The modules that the documentation lists, in its order."""
    text = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text())) or ""
    return re.findall(r"^ +(\w+\.py) {2,}\S", text, re.MULTILINE)


def imported(module: Path) -> Iterator[str]:
    """The modules of the package that a module of it imports, in whatever way and place."""
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.ImportFrom(level=1, module=str(name)):
                yield f"{name}.py"
            case ast.ImportFrom(module="dev.sandbox" | None, names=names):
                yield from (f"{alias.name}.py" for alias in names)
            case ast.ImportFrom(module=str(name)) if name.startswith("dev.sandbox."):
                yield f"{name.removeprefix('dev.sandbox.')}.py"
            case ast.Import(names=names):
                for alias in names:
                    if alias.name.startswith("dev.sandbox"):
                        yield f"{alias.name.removeprefix('dev.sandbox').lstrip('.')}.py"


def test_it_lists_every_module_once() -> None:
    assert sorted(on_the_map()) == sorted(MODULES)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_from_those_below_it(name: str) -> None:
    order = on_the_map()
    below = set(order[order.index(name) + 1 :])
    assert set(imported(PACKAGE / name)) <= below


def test_imports_are_found() -> None:
    assert set(imported(PACKAGE / "turns.py")) >= {"physical.py", "state.py", "tasks.py"}
