"""The recipes in docs/recipes, followed to the letter in a rendered project."""

import re
import shlex
from pathlib import Path

from tests.docs.commands import IDENTITY, blocks, section
from tests.docs.own_code import write_block
from tests.harness.project import Project, environment_with_uv, run
from tests.harness.template import ROOT

FOLDER = ROOT / "docs" / "recipes"
INDEX = FOLDER / "README.md"
RECIPES = sorted(set(FOLDER.glob("*.md")) - {INDEX})

WITH_TENANTS = ROOT / "docs" / "features" / "tenancy-with-recipes.md"
"""The lines of recipes that differ in a service with tenants."""

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"app/(\w+)\.py")
MIGRATES = re.compile(r"(uv run alembic .*\n)+")


def follow(
    recipe: Path,
    project: Project,
    database_url: str,
    *,
    with_tenants: bool = False,
    **variables: str,
) -> str:
    """Write the files of a recipe and run its commands, in order; return what these print.

    A router is registered as the index says, unless the recipe itself has that.
    """
    output = ""
    variables |= project.variables() | IDENTITY | {"DATABASE_URL": database_url}
    text = recipe.read_text()
    for old, new in changes_for_tenants(recipe) if with_tenants else ():
        assert text.count(old) == 1, f"{recipe.name} has this {text.count(old)} times: {old}"
        text = text.replace(old, new)
    for language, block in BLOCK.findall(text):
        if language == "sh" and MIGRATES.fullmatch(block):
            # These need no shell, and a fork need not import its libraries.
            for line in block.splitlines():
                _, _, _, *arguments = shlex.split(line)
                output += project.alembic(*arguments, code=0, **variables)
            continue
        if language == "sh":
            environment = environment_with_uv(**variables)
            output += run("bash", "-euxc", block, cwd=project.path, variables=environment)
            continue
        write_block(block, project.path)
        module = MODULE.match(block, len("# "))
        if module is None or "\nrouter = " not in block:
            continue
        if f"\nfrom app.{module[1]} import router" not in text:
            (registration,) = blocks(INDEX.read_text(), "python")
            write_block(registration.replace("NAME", module[1]), project.path)
    return output


def files_of_tests(recipe: Path) -> list[str]:
    """The paths of its tests."""
    return re.findall(r"^# (tests/.*test_\w+\.py)$", recipe.read_text(), re.MULTILINE)


def changes_for_tenants(recipe: Path) -> list[tuple[str, str]]:
    """The lines of a recipe that differ with tenants, and what replaces them."""
    title, _, _ = recipe.read_text().removeprefix("# ").partition("\n")
    heading = f"[{title}](../recipes/{recipe.name})"
    return [
        (lines(change, " -"), lines(change, " +"))
        for block in blocks(section(WITH_TENANTS.read_text(), heading), "diff")
        for change in block.rstrip("\n").split("\n\n")
    ]


def lines(change: str, marks: str) -> str:
    """The lines that begin with one of these marks, without the mark."""
    return "".join(f"{line[1:]}\n" for line in change.splitlines() if line[0] in marks)
