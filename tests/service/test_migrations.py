"""Migrations in production."""

from contextlib import ExitStack
from pathlib import Path

from tests.harness.processes import eventually
from tests.harness.project import Command, Project
from tests.harness.service import serve

MIGRATION = """
import time
from pathlib import Path

from alembic import op

revision = "9999"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    while not Path({go!r}).exists():
        time.sleep(0.05)
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY items_by_name ON items (name)")
"""
"""Its index waits for all transactions that began before."""

WIDEN = """
import asyncio, os, asyncpg

async def main():
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("ALTER TABLE items ALTER name TYPE varchar(999)")
    await connection.close()

asyncio.run(main())
"""


def is_waiting(command: Command) -> bool:
    return "Waiting for another process" in command.output()


def test_of_several_at_once_one_migrates_and_the_others_wait(
    installed: Project, own_database: str, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    environment = {"ENVIRONMENT": "production", "DATABASE_URL": own_database}  # and no SECRET_KEY
    with installed.restored() as project, ExitStack() as stack:
        migration = project.path / "migrations" / "versions" / "9999_index.py"
        migration.write_text(MIGRATION.format(go=str(go)))
        commands = [
            stack.enter_context(project.start("alembic", "upgrade", "head", **environment))
            for _ in range(3)
        ]
        assert eventually(lambda: sum(map(is_waiting, commands)) == 2)
        go.touch()
        for command in commands:
            command.wait()
        assert "9999" in project.run("alembic", "current", DATABASE_URL=own_database)


def test_a_request_that_meets_a_changed_column_can_be_sent_again(
    default_project: Project, own_database: str
) -> None:
    default_project.alembic("upgrade", "head", DATABASE_URL=own_database)
    with serve(default_project, own_database) as client:
        item = client.post("/items", json={"name": "lamp", "price": 1}).headers["location"]
        assert client.get(item).status_code == 200
        default_project.python(WIDEN, DATABASE_URL=own_database)
        outdated = client.get(item)
        assert (outdated.status_code, outdated.headers["retry-after"]) == (503, "5")
        assert client.get(item).json()["name"] == "lamp"
