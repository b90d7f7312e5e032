"""The recipes in docs/recipes, followed to the letter in a rendered project."""

import re
from pathlib import Path

from tests.docs.commands import IDENTITY, blocks
from tests.docs.own_code import write_block
from tests.harness.project import Project, environment_with_uv, run
from tests.harness.template import ROOT

FOLDER = ROOT / "docs" / "recipes"
INDEX = FOLDER / "README.md"
RECIPES = sorted(set(FOLDER.glob("*.md")) - {INDEX})

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"app/(\w+)\.py")


def follow(recipe: Path, project: Project, database_url: str) -> str:
    """Write the files of a recipe and run its commands, in order; return what these print.

    A router is registered as the index says, unless the recipe itself has that.
    """
    output = ""
    text = recipe.read_text()
    for language, block in BLOCK.findall(text):
        if language == "sh":
            variables = environment_with_uv(**IDENTITY, DATABASE_URL=database_url)
            output += run("bash", "-euxc", block, cwd=project.path, variables=variables)
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
