"""The layout of a rendered project: `tests/fixtures` holds fixtures, and `dev` is a library."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.harness.project import Copy, Project
from tests.harness.template import ROOT

OVERLAY = Path(__file__).with_name("overlay")


@pytest.fixture(scope="module")
def fixture_modules(default_project: Project) -> list[Path]:
    return sorted((default_project.path / "tests" / "fixtures").rglob("*.py"))


def test_every_module_of_fixtures_defines_one(fixture_modules: list[Path]) -> None:
    modules = [path for path in fixture_modules if path.name != "__init__.py"]
    assert len(modules) > 5
    assert [path.name for path in modules if not defines_a_fixture(path.read_text())] == []


def defines_a_fixture(code: str) -> bool:
    functions = (
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    decorators = (ast.unparse(decorator) for node in functions for decorator in node.decorator_list)
    return any(re.match(r"pytest(_asyncio)?\.fixture\b", decorator) for decorator in decorators)


def test_fixtures_have_at_most_900_lines(fixture_modules: list[Path]) -> None:
    assert 0 < sum(len(path.read_text().splitlines()) for path in fixture_modules) <= 900


TABLE = re.compile(r'CREATE TABLE (\w+)|__tablename__ = "(\w+)"')
PREFIXED = {"/forgotten", "/stream"}
"""Paths of routers that add a prefix."""

ENDPOINT = re.compile(r'@\w+\.(?:get|post|put|patch|delete|websocket)\(\s*"(/[^"]*)"')


def test_tables_and_paths_of_its_tests_have_names_that_no_service_has() -> None:
    """A service has resources such as note, page and invitation."""
    tests = ROOT / "template" / "tests"
    modules = {path.relative_to(tests): path.read_text() for path in tests.rglob("*.py*")}
    with_tables = [text for path, text in modules.items() if path.parts[0] != "unit"]
    with_services = [text for text in modules.values() if "create_app(" in text]
    tables = [one or other for text in with_tables for one, other in TABLE.findall(text)]
    paths = [path for text in with_services for path in ENDPOINT.findall(text)]
    assert len(tables) > 10
    assert len(paths) > 10
    assert [name for name in tables if not name.startswith("test_")] == []
    assert {path for path in paths if not path.startswith("/test-")} == PREFIXED


PACKAGES = sorted((ROOT / "template" / "dev").rglob("__init__.py"))


@pytest.mark.parametrize("init", PACKAGES, ids=lambda init: init.parent.name)
def test_the_docstring_of_each_package_of_dev_lists_what_is_in_it(init: Path) -> None:
    docstring = ast.get_docstring(ast.parse(init.read_text())) or ""
    modules = {path.name for path in init.parent.glob("[a-z]*.py")}
    packages = {f"{path.parent.name}/" for path in init.parent.glob("*/__init__.py")}
    listed = set(re.findall(r"\b[a-z_]+(?:\.py\b|/)", docstring))
    assert modules | packages <= listed


@pytest.mark.parametrize("line", ["import app.database", "import tests.fixtures.client"])
def test_dev_imports_neither_the_service_nor_its_tests(
    default_project: Project, copy: Copy, line: str
) -> None:
    broken = copy(default_project)
    with (broken.path / "dev" / "databases" / "__init__.py").open("a") as module:
        module.write(f"{line}\n")
    output = broken.run("lint-imports", code=1)
    [contract] = re.findall(r"^(.+) BROKEN$", output, re.MULTILINE)
    assert contract == "Development tools import neither the service nor its tests"


def test_dev_works_in_a_project_that_has_nothing_else_of_the_template(
    default_project: Project, tmp_path: Path
) -> None:
    shutil.copytree(OVERLAY, tmp_path / "words")
    shutil.copytree(default_project.path / "dev", tmp_path / "words" / "dev")
    other = Project(tmp_path / "words", default_project.venv)
    assert "5 passed" in other.pytest("-n", "2")
