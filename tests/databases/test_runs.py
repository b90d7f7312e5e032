"""Test runs of a rendered project, seen from outside: servers, templates, what is left behind."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import Family, eventually
from tests.harness.project import Project
from tests.harness.service import database
from tests.harness.template import git
from tests.harness.thorough import usually

HEALTH = "tests/api/test_health.py"
"""A few tests that use the database."""

COUNT_BUILDS = """

import os
import time
import uuid
from pathlib import Path

def built() -> None:
    Path(f"built-{uuid.uuid4()}").touch()
    while Path("slow").exists():
        time.sleep(0.05)
"""
UPGRADE = "def upgrade() -> None:\n"
INTERRUPTED, USAGE_ERROR = 2, 4  # pytest's exit codes


@pytest.fixture
def own_project(own_project: Project) -> Project:
    """A project whose migrations leave a file behind each time they run."""
    (migration,) = (own_project.path / "migrations" / "versions").glob("*.py")
    text = migration.read_text()
    assert UPGRADE in text
    migration.write_text(text.replace(UPGRADE, f"{UPGRADE}    built()\n") + COUNT_BUILDS)
    return own_project


def run(project: Project, *options: str, **variables: str) -> str:
    with project.start_pytest(*(options or (HEALTH,)), **variables) as command:
        return command.wait()


def builds(project: Project) -> int:
    return len(list(project.path.glob("built-*")))


@pytest.fixture
def server(default_project: Project) -> Iterator[str]:
    """The URL of an external server."""
    with database(default_project) as url:
        yield url


def select(project: Project, url: str, statement: str) -> list[str]:
    """The first column of the rows that a statement returns."""
    program = (
        "import asyncio, asyncpg, sys\n"
        "async def main():\n"
        "    connection = await asyncpg.connect(sys.argv[1])\n"
        "    for row in await connection.fetch(sys.argv[2]): print(row[0])\n"
        "    await connection.close()\n"
        "asyncio.run(main())\n"
    )
    return project.python(program, url, statement).splitlines()


def created_databases(project: Project, url: str) -> list[str]:
    return select(project, url, "SELECT datname FROM pg_database WHERE oid > 16383 ORDER BY 1")


class TestTheServer:
    def test_is_named_in_the_header(self, default_project: Project) -> None:
        assert re.search(r"database: PostgreSQL 18\.\d+, embedded", run(default_project))

    @pytest.mark.parametrize(
        "option", usually(["--collect-only", "--help", "--fixtures", "--markers"], 2)
    )
    def test_is_not_contacted_by_a_run_without_tests(
        self, default_project: Project, option: str
    ) -> None:
        # This server does not answer.
        run(default_project, option, TEST_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    def test_has_the_migrations_of_the_project_whatever_rootdir_says(
        self, default_project: Project
    ) -> None:
        """Editors pass the folder that is open, which may be above the project's."""
        rootdir = f"--rootdir={default_project.path.parent}"
        run(default_project, HEALTH, rootdir, "-p", "no:cacheprovider")

    def test_is_gone_after_the_run_if_it_is_embedded(self, default_project: Project) -> None:
        family = Family()
        run(default_project, HEALTH, "-n", "2", **family.variables)
        assert family.commands() == []


class TestAnExternalServer:
    def test_is_used_and_left_unchanged_except_for_the_template(
        self, own_project: Project, server: str
    ) -> None:
        for _ in range(2):
            assert "of TEST_DATABASE_URL" in run(own_project, TEST_DATABASE_URL=server)
        (template,) = created_databases(own_project, server)
        assert template.startswith(own_project.python(PROJECT_NAME).strip())
        assert builds(own_project) == 1
        assert select(own_project, server, "SELECT relname FROM pg_class WHERE oid > 16383") == []

    @pytest.mark.parametrize("scheme", usually(["postgres", "postgresql+asyncpg", "postgresql"], 1))
    def test_accepts_the_urls_of_hosting_providers(
        self, default_project: Project, server: str, scheme: str
    ) -> None:
        url = server.replace("postgresql", scheme, 1) + "&sslmode=prefer"
        assert "of TEST_DATABASE_URL" in run(default_project, TEST_DATABASE_URL=url)

    def test_can_be_set_in_the_file_env(self, own_project: Project, server: str) -> None:
        (own_project.path / ".env").write_text(f"TEST_DATABASE_URL={server}\n")
        assert "of TEST_DATABASE_URL" in run(own_project)
        in_subfolder = f"cd tests && pytest ../{HEALTH}"
        assert "of TEST_DATABASE_URL" in own_project.run("sh", "-c", in_subfolder)

    def test_is_shared_by_two_checkouts_at_once(
        self, own_project: Project, server: str, tmp_path: Path
    ) -> None:
        git(tmp_path, "clone", "--quiet", str(own_project.path), "2")
        other = Project(tmp_path / "2", own_project.venv)
        with (
            own_project.start_pytest(HEALTH, "-n", "2", TEST_DATABASE_URL=server) as first,
            other.start_pytest(HEALTH, TEST_DATABASE_URL=server) as second,
        ):
            first.wait()
            second.wait()
        assert len(created_databases(own_project, server)) == 2

    def test_gets_a_new_template_in_each_run_with_db_rebuild(
        self, own_project: Project, server: str
    ) -> None:
        for workers in ("0", "2"):
            run(own_project, HEALTH, "-n", workers, "--db-rebuild", TEST_DATABASE_URL=server)
        assert builds(own_project) == 2
        assert len(created_databases(own_project, server)) == 1

    def test_is_cleaned_up_after_a_killed_run(self, own_project: Project, server: str) -> None:
        kill_while_it_builds(own_project, TEST_DATABASE_URL=server)
        assert len(created_databases(own_project, server)) == 1
        run(own_project, TEST_DATABASE_URL=server)
        assert builds(own_project) == 2
        (template,) = created_databases(own_project, server)
        assert select(
            own_project,
            server,
            "SELECT datname FROM pg_database WHERE NOT datallowconn AND oid > 16383",
        ) == [template]


class TestAnUnusableServer:
    def rejected(self, project: Project, url: str) -> str:
        output = project.pytest(HEALTH, code=USAGE_ERROR, TEST_DATABASE_URL=url)
        assert "Traceback" not in output
        assert "secret" not in output
        (line,) = [line for line in output.splitlines() if line.startswith("ERROR: ")]
        return line

    def test_that_does_not_answer_is_an_error(self, default_project: Project) -> None:
        url = "postgresql://me:secret1@127.0.0.1:1/none?password=secret2"
        line = self.rejected(default_project, url)
        assert "TEST_DATABASE_URL (me@127.0.0.1:1/none) does not answer" in line
        assert "unset the variable" in line

    @pytest.mark.parametrize(
        "url", ["nonsense", "mysql://me:secret@there/x", "postgresql://a:secret@b:port/x"]
    )
    def test_with_an_invalid_url_is_an_error(self, default_project: Project, url: str) -> None:
        assert "must look like postgresql://" in self.rejected(default_project, url)

    def test_whose_role_may_not_create_databases_is_an_error(
        self, default_project: Project, server: str
    ) -> None:
        select(default_project, server, "CREATE ROLE restricted LOGIN PASSWORD 'secret'")
        url = server.replace("postgres@", "restricted:secret@", 1)
        assert "may not create databases" in self.rejected(default_project, url)

    def test_that_is_a_standby_is_an_error(self, default_project: Project) -> None:
        with default_project.start_python(STANDBY) as command:
            url = command.wait_for(r"(postgresql://\S+)\n")
            assert "standby" in self.rejected(default_project, url)


class TestTheTemplate:
    def test_is_built_once_for_many_runs(self, own_project: Project) -> None:
        for _ in range(2):
            run(own_project)
        assert builds(own_project) == 1

    @pytest.mark.parametrize("workers", usually([3, 10], 1))
    def test_is_built_once_for_many_workers(self, own_project: Project, workers: int) -> None:
        run(own_project, HEALTH, "-n", str(workers))
        assert builds(own_project) == 1

    def test_is_rebuilt_when_a_migration_changes(self, own_project: Project) -> None:
        run(own_project)
        (migration,) = (own_project.path / "migrations" / "versions").glob("*.py")
        migration.write_text(migration.read_text() + "# changed\n")
        run(own_project)
        assert builds(own_project) == 2

    def test_is_rebuilt_in_each_run_with_db_rebuild_or_ci(self, own_project: Project) -> None:
        run(own_project, HEALTH, "--db-rebuild")
        (saved,) = (own_project.path / ".pytest_cache" / "d" / "postgres").iterdir()
        saved.write_text("damaged")  # which nobody notices
        assert "cached cluster" not in run(own_project, HEALTH, "--db-rebuild")
        assert builds(own_project) == 2
        run(own_project, HEALTH, CI="1")
        assert builds(own_project) == 3

    def test_is_rebuilt_with_a_note_if_the_cache_is_damaged(self, own_project: Project) -> None:
        run(own_project)
        (saved,) = (own_project.path / ".pytest_cache" / "d" / "postgres").iterdir()
        saved.write_text("damaged")
        assert "cached cluster could not be used" in run(own_project)
        assert builds(own_project) == 2
        assert "cached cluster" not in run(own_project)

    def test_is_rebuilt_if_the_run_that_built_it_was_killed(self, own_project: Project) -> None:
        kill_while_it_builds(own_project)
        run(own_project)
        assert builds(own_project) == 2

    @pytest.mark.parametrize(("workers", "code"), [("0", 1), ("2", INTERRUPTED)])
    def test_ends_the_run_with_only_the_reason_if_it_cannot_be_built(
        self, own_project: Project, workers: str, code: int
    ) -> None:
        (migration,) = (own_project.path / "migrations" / "versions").glob("*.py")
        migration.write_text(migration.read_text() + "raise RuntimeError('a broken migration')\n")
        output = own_project.pytest("tests/api", "-n", workers, code=code)
        assert output.count("The migrations failed on an empty database: a broken migration") == 1
        assert output.count("a broken migration") == 2  # with the line that raised it
        assert "tests/fixtures/" not in output
        assert len(output.splitlines()) < 30


CHANGED_MODEL = """
    rank: Mapped[int] = mapped_column(sa.Integer())


class Extra(Base):
    __tablename__ = "extras"
"""

COMPARES = """
import sys

def test_that_nothing_was_compared(databases: object) -> None:
    assert "alembic.autogenerate" not in sys.modules
"""

PLUGIN = """
from alembic.autogenerate import comparators
from alembic.operations.ops import MigrateOperation

class CreateMood(MigrateOperation):
    def to_diff_tuple(self) -> tuple[object, ...]:
        return "create_enum", "mood", "public", ("good", "bad")

    def reverse(self) -> MigrateOperation:
        return self

@comparators.dispatch_for("schema")
def create_mood(_: object, operations: Any, __: object) -> None:
    operations.ops.append(CreateMood())
"""


class TestTheModels:
    @pytest.mark.parametrize(("workers", "code"), [("0", 1), ("2", INTERRUPTED)])
    def test_end_the_run_with_what_no_migration_does(
        self, own_project: Project, workers: str, code: int
    ) -> None:
        run(own_project)
        with (own_project.path / "app/resources/item/models.py").open("a") as models:
            models.write(CHANGED_MODEL)
        output = own_project.pytest("tests/api", "-n", workers, code=code)
        assert output.count("there is no migration") == 1
        assert "\n  add table extras\n  add column items.rank\n" in output
        assert '\n  uv run alembic revision --autogenerate -m "what changed"\n' in output
        assert "Error" not in output
        assert len(output.splitlines()) < 30

    def test_are_also_compared_by_plugins_for_alembic(self, own_project: Project) -> None:
        with (own_project.path / "migrations/checks.py").open("a") as checks:
            checks.write(PLUGIN)
        output = own_project.pytest("tests/api", code=1)
        assert output.count("there is no migration") == 1
        assert "\n  create enum mood\n" in output

    def test_are_compared_once_for_each_state(self, own_project: Project) -> None:
        test = own_project.path / "tests" / "test_comparison.py"
        test.write_text(COMPARES)
        assert "1 failed" in own_project.run("pytest", str(test), code=1)
        assert "1 passed" in own_project.run("pytest", str(test))
        assert "1 failed" in own_project.run("pytest", str(test), "--db-rebuild", code=1)
        with (own_project.path / "app/resources/item/models.py").open("a") as models:
            models.write("\n    __table_args__ = (sa.CheckConstraint('price < 9', 'cheap'),)\n")
        output = own_project.run("pytest", str(test), code=1)
        assert "add constraint ck_items_cheap" in output


def kill_while_it_builds(project: Project, **variables: str) -> None:
    """Start a run and kill it in the middle of its migrations."""
    family = Family()
    slow = project.path / "slow"
    slow.touch()
    with project.start("pytest", HEALTH, **family.variables, **variables) as command:
        if not eventually(lambda: builds(project) == 1):
            raise command.error("did not start to build")
        family.kill()
    slow.unlink()


LEAVES_A_CONNECTION = """
from dev.databases import Database

LEFT = []

async def test_that_forgets_a_connection(worker_database: Database) -> None:
    LEFT.append(await worker_database.connect())
    await LEFT[0].execute("SELECT 'forgotten'")
"""


def test_a_connection_that_is_never_closed_fails_the_run(own_project: Project) -> None:
    (own_project.path / "tests" / "test_forgetful.py").write_text(LEAVES_A_CONNECTION)
    output = own_project.pytest("tests/test_forgetful.py", code=1)
    assert "SELECT 'forgotten'" in output


KEEPS_A_DATABASE = """
from dev.databases import Databases

async def test_that_keeps_a_database(databases: Databases) -> None:
    print("OPEN", await databases.keep(await databases.clone("kept")), "END")
"""


def test_a_kept_database_can_be_opened_until_the_next_run(own_project: Project) -> None:
    (own_project.path / "tests" / "test_keeper.py").write_text(KEEPS_A_DATABASE)
    family = Family()
    try:
        output = run(own_project, "tests/test_keeper.py", "-s", **family.variables)
        assert "until the next run" in output
        match = re.search("OPEN (.*) END", output)
        assert match is not None
        psql = [*shlex.split(match[1]), "-tAc", "SELECT current_database()"]
        assert "_kept" in subprocess.run(psql, check=True, capture_output=True, text=True).stdout
        run(own_project)
        assert eventually(lambda: family.commands() == [])
    finally:
        family.kill()


WAITS = """
import time
from pathlib import Path
from dev.databases import Server

def test_that_waits(database_server: Server) -> None:
    Path("folder.new").write_text(str(database_server.embedded.folder))
    Path("folder.new").rename("folder")
    time.sleep(600)
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["serial", "workers"])
def test_a_killed_run_leaves_no_data(own_project: Project, options: tuple[str, ...]) -> None:
    (own_project.path / "tests" / "test_waiting.py").write_text(WAITS)
    family = Family()
    note = own_project.path / "folder"
    with own_project.start(
        "pytest", "tests/test_waiting.py", *options, **family.variables
    ) as command:
        if not eventually(note.exists):
            raise command.error("did not start a server")
        data = Path(note.read_text())
        assert data.exists()
        for process in family.members():
            if "guard.py" not in " ".join(process.cmdline()) and process.name() != "postgres":
                process.kill()
        # PostgreSQL notices by itself within a minute that its data is gone.
        assert eventually(lambda: not data.exists() and family.servers() == [], 40)


PROJECT_NAME = """
from pathlib import Path
from dev.databases.worker import project_name

print(project_name(Path()))
"""

STANDBY = """
import tempfile, time
from pathlib import Path
from dev.postgres import start_durable

project = Path(tempfile.mkdtemp())
project.chmod(0o755)
server = start_durable(project)
server.stop()
(server.folder / "data" / "standby.signal").touch()
server = start_durable(project)
print(server.url, flush=True)
time.sleep(3600)
"""
