"""The pictures of the documents, made from a rendered service: python -m tests.docs.pictures

It writes them to docs/pictures; a test compares these with what it would write.
"""

import json
import re
import tempfile
from pathlib import Path

from tests.harness.answers import ANSWERS
from tests.harness.project import Project, render
from tests.harness.template import ROOT, snapshot
from tools.pictures.openapi import operations
from tools.pictures.terminal import COLUMNS, terminal

FOLDER = ROOT / "docs" / "pictures"

PRINT_OPENAPI = """
import json
from app.main import create_app
from app.settings import Settings

url = "postgresql://localhost/none"
print(json.dumps(create_app(Settings(database_url=url)).openapi()))
"""

LEAK = """
import asyncio

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


async def remind() -> None:
    await asyncio.sleep(3600)


async def test_an_order(client: AsyncClient, engine: AsyncEngine) -> None:
    reminder = asyncio.create_task(remind(), name="reminder")
    connection = await engine.connect()
    await connection.execute(text("INSERT INTO items (name) VALUES ('lamp')"))
    response = await client.get("/health/live")
    assert response.status_code == 200
    assert not reminder.done()
"""

REPORT = r"^[^\n]*ERROR at teardown.*?(?=^[^\n]*short test summary)"


def pictures(project: Project) -> dict[str, str]:
    """Each picture by its name. The project gets a test."""
    return {"openapi.svg": _openapi(project), "leak.svg": _leak(project)}


def _openapi(project: Project) -> str:
    return operations(json.loads(project.python(PRINT_OPENAPI)))


def _leak(project: Project) -> str:
    (project.path / "tests" / "test_order.py").write_text(LEAK.lstrip())
    test = "tests/test_order.py"
    output = project.pytest(test, "--color=yes", code=1, COLUMNS=f"{COLUMNS}")
    report = re.search(REPORT, output, re.MULTILINE | re.DOTALL)
    assert report is not None, output
    title = "A test has left a task and a transaction behind: pytest says where."
    # Tasks without a name are numbered, and the number depends on what else runs.
    text = re.sub(r"'Task-\d+'", "'Task-7'", report[0])
    return terminal(title, f"uv run pytest {test}", text)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        template = Path(name, "template")
        snapshot(template)
        project = render(template, Path(name, "service"), ANSWERS["default"])
        project.run("true")  # installs it, which uv tells
        for file, picture in pictures(project).items():
            (FOLDER / file).write_text(picture)


if __name__ == "__main__":
    main()
