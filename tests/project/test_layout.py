"""The layout of a rendered project: `tests/fixtures` holds fixtures, and `dev` is a library."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.harness.project import Copy, Project

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
