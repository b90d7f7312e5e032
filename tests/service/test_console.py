"""`uv run console`, and the rows that `uv run dev` writes once."""

import subprocess

from tests.harness.project import UV, Project, environment

SEEDS = """\
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories import ItemFactory


async def dev(session: AsyncSession) -> None:
    with ItemFactory.bound_to(session):
        await ItemFactory.acreate(name="lamp")
"""


def console(project: Project, typed: str, **variables: str) -> str:
    """What the console prints when a user types this, and then ends it."""
    ended = subprocess.run(
        [UV, "run", "console"],
        input=typed,
        capture_output=True,
        cwd=project.path,
        env=environment(**project.variables() | variables),
        text=True,
        check=True,
    )
    return ended.stdout + ended.stderr


def start_once(project: Project) -> str:
    with project.start("dev", "--port", "0", "--no-reload") as command:
        command.wait_for(r"(startup complete|not started)")
        command.process.terminate()
        return command.wait(code=None)


def test_seeds_are_written_once_and_the_console_reads_them(own_project: Project) -> None:
    (own_project.path / "tests" / "seeds.py").write_text(SEEDS)
    assert "tests/seeds.py was loaded" in start_once(own_project)
    assert "Seeds" not in start_once(own_project)

    output = console(
        own_project,
        "[item.name for item in await session.scalars(select(Item))]\n"
        "session.add(Item(name='table'))\n"
        "await session.commit()\n"
        "1 / 0\n"
        "names = await session.scalars(select(Item.name).order_by(Item.id))\n"
        "names.all()\n",
    )
    assert "app, session, select, Item" in output
    assert ">>> ['lamp']\n" in output
    assert "ZeroDivisionError: division by zero" in output
    assert ">>> ['lamp', 'table']\n" in output
    assert "AsyncConsole" not in output  # the frames are the user's own


def test_seeds_that_fail_write_nothing_and_say_why(own_project: Project) -> None:
    seeds = own_project.path / "tests" / "seeds.py"
    seeds.write_text(f"{SEEDS}        raise RuntimeError('no table left')\n")
    output = start_once(own_project)
    assert "The seeds failed: no table left\n" in output
    assert 'tests/seeds.py", line 9, in dev' in output
    assert ">>> []\n" in console(own_project, "(await session.scalars(select(Item))).all()\n")


def test_a_pipe_that_is_closed_early_is_no_error(own_project: Project) -> None:
    typed = r"printf 'print(1)\nprint(2)\nprint(3)\n'"
    piped = ("bash", "-c", f"set -o pipefail; {typed} | console | head -1")
    output = own_project.run(*piped)
    assert ">>> 1\n" in output
    assert "Traceback" not in output
