"""Whole test runs of a rendered project, seen from outside: servers, templates, what is left."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.processes import Family, eventually
from tests.harness.project import Project
from tests.harness.service import database

HEALTH = "tests/api/test_health.py"
"""Few tests, and they use the database."""

COUNT_BUILDS = """

import os
import time
import uuid
from pathlib import Path

Path(f"built-{uuid.uuid4()}").touch()
while Path("slow").exists():
    time.sleep(0.05)
"""
USAGE_ERROR = 4  # pytest's exit code


@pytest.fixture
def own_project(default_project: Project, copy: Callable[[Project], Project]) -> Project:
    """A project whose migrations leave a trace when they run."""
    project = copy(default_project)
    (migration,) = (project.path / "migrations" / "versions").glob("*.py")
    migration.write_text(migration.read_text() + COUNT_BUILDS)
    return project


def run(project: Project, *options: str, **variables: str) -> str:
    with project.start("pytest", *(options or (HEALTH,)), **({"CI": ""} | variables)) as command:
        return command.wait()


def builds(project: Project) -> int:
    return len(list(project.path.glob("built-*")))


@pytest.fixture
def server(default_project: Project) -> Iterator[str]:
    """The URL of a server that somebody runs for the tests."""
    with database(default_project) as url:
        yield url


def ask(project: Project, url: str, statement: str) -> list[str]:
    """The first column of a statement's rows."""
    program = (
        "import asyncio, asyncpg, sys\n"
        "async def main():\n"
        "    connection = await asyncpg.connect(sys.argv[1])\n"
        "    for row in await connection.fetch(sys.argv[2]): print(row[0])\n"
        "    await connection.close()\n"
        "asyncio.run(main())\n"
    )
    return project.run("python", "-c", program, url, statement).splitlines()


def made_by_tests(project: Project, url: str) -> list[str]:
    return ask(project, url, "SELECT datname FROM pg_database WHERE oid > 16383 ORDER BY 1")


class TestTheServer:
    def test_is_named_in_the_header(self, default_project: Project) -> None:
        assert re.search(r"database: PostgreSQL 18\.\d+, embedded", run(default_project))

    @pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--help", "--markers"])
    def test_is_not_asked_for_by_a_run_without_tests(
        self, default_project: Project, option: str
    ) -> None:
        # This one does not answer.
        run(default_project, option, TEST_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    def test_of_the_embedded_kind_is_gone_after_the_run(self, default_project: Project) -> None:
        family = Family()
        run(default_project, "-n", "2", **family.variables)
        assert family.commands() == []


class TestAServerOfYourOwn:
    def test_is_used_and_left_as_it_was_but_for_the_template(
        self, own_project: Project, server: str
    ) -> None:
        for _ in range(2):
            assert "of TEST_DATABASE_URL" in run(own_project, TEST_DATABASE_URL=server)
        (template,) = made_by_tests(own_project, server)
        assert template.startswith(own_project.run("python", "-c", PROJECT_NAME).strip())
        assert builds(own_project) == 1
        assert ask(own_project, server, "SELECT relname FROM pg_class WHERE oid > 16383") == []

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
    def test_can_be_named_as_hosting_providers_do(
        self, default_project: Project, server: str, scheme: str
    ) -> None:
        url = server.replace("postgresql", scheme, 1) + "&sslmode=prefer"
        run(default_project, TEST_DATABASE_URL=url)

    def test_can_be_named_in_the_file_env(self, own_project: Project, server: str) -> None:
        (own_project.path / ".env").write_text(f"TEST_DATABASE_URL={server}\n")
        assert "of TEST_DATABASE_URL" in run(own_project)

    def test_is_shared_by_two_checkouts_at_once(
        self, own_project: Project, server: str, tmp_path: Path
    ) -> None:
        subprocess.run(("git", "clone", "--quiet", own_project.path, tmp_path / "2"), check=True)
        other = Project(tmp_path / "2")
        other.run("true")
        variables = {"TEST_DATABASE_URL": server, "CI": ""}
        with (
            own_project.start("pytest", "-n", "2", **variables) as first,
            other.start("pytest", "-n", "2", **variables) as second,
        ):
            first.wait()
            second.wait()
        assert len(made_by_tests(own_project, server)) == 2

    def test_gets_a_template_built_in_that_very_run_if_that_is_demanded(
        self, own_project: Project, server: str
    ) -> None:
        for _ in range(2):
            run(own_project, HEALTH, "-n", "2", "--db-rebuild", TEST_DATABASE_URL=server)
        assert builds(own_project) == 2
        assert len(made_by_tests(own_project, server)) == 1

    def test_is_cleaned_of_what_a_killed_run_left(self, own_project: Project, server: str) -> None:
        killed_while_it_builds(own_project, TEST_DATABASE_URL=server)
        assert len(made_by_tests(own_project, server)) == 1
        run(own_project, TEST_DATABASE_URL=server)
        assert builds(own_project) == 2
        (template,) = made_by_tests(own_project, server)
        assert ask(
            own_project,
            server,
            "SELECT datname FROM pg_database WHERE NOT datallowconn AND oid > 16383",
        ) == [template]


class TestAServerThatCannotBeUsed:
    def refused(self, project: Project, url: str) -> str:
        output = project.run("pytest", HEALTH, code=USAGE_ERROR, TEST_DATABASE_URL=url)
        assert "Traceback" not in output
        assert "secret" not in output
        (line,) = [line for line in output.splitlines() if line.startswith("ERROR: ")]
        return line

    def test_because_it_does_not_answer_is_an_error(self, default_project: Project) -> None:
        url = "postgresql://me:secret1@127.0.0.1:1/none?password=secret2"
        line = self.refused(default_project, url)
        assert "TEST_DATABASE_URL (me@127.0.0.1:1/none) does not answer" in line
        assert "unset the variable" in line

    @pytest.mark.parametrize(
        "url", ["nonsense", "mysql://me:secret@there/x", "postgresql://a:secret@b:port/x"]
    )
    def test_because_its_url_is_none_is_an_error(self, default_project: Project, url: str) -> None:
        assert "must look like postgresql://" in self.refused(default_project, url)

    def test_because_its_role_may_not_create_databases_is_an_error(
        self, default_project: Project, server: str
    ) -> None:
        ask(default_project, server, "CREATE ROLE modest LOGIN PASSWORD 'secret'")
        url = server.replace("postgres@", "modest:secret@", 1)
        assert "may not create databases" in self.refused(default_project, url)

    def test_because_it_is_a_standby_is_an_error(self, default_project: Project) -> None:
        with default_project.start("python", "-c", STANDBY) as command:
            url = command.wait_for(r"(postgresql://\S+)\n")
            assert "standby" in self.refused(default_project, url)


class TestTheTemplate:
    def test_is_built_once_for_many_runs(self, own_project: Project) -> None:
        for _ in range(2):
            run(own_project)
        assert builds(own_project) == 1

    def test_is_built_once_for_ten_workers(self, own_project: Project) -> None:
        run(own_project, "tests/api", "-n", "10")
        assert builds(own_project) == 1

    def test_is_built_again_for_another_migration(self, own_project: Project) -> None:
        run(own_project)
        (migration,) = (own_project.path / "migrations" / "versions").glob("*.py")
        migration.write_text(migration.read_text() + "# changed\n")
        run(own_project)
        assert builds(own_project) == 2
        run(own_project)
        assert builds(own_project) == 2

    @pytest.mark.parametrize(("options", "variables"), [(["--db-rebuild"], {}), ([], {"CI": "1"})])
    def test_is_built_in_each_run_that_demands_it(
        self, own_project: Project, options: list[str], variables: dict[str, str]
    ) -> None:
        for _ in range(2):
            run(own_project, HEALTH, *options, **variables)
        assert builds(own_project) == 2

    def test_is_built_on_a_new_server_if_that_is_demanded(self, own_project: Project) -> None:
        run(own_project)
        (saved,) = (own_project.path / ".pytest_cache" / "d" / "postgres").iterdir()
        (saved / "manifest.json").write_text("damaged")
        assert "cached cluster" not in run(own_project, HEALTH, "--db-rebuild")

    def test_that_was_saved_badly_is_built_anew_and_that_is_said(
        self, own_project: Project
    ) -> None:
        run(own_project)
        (saved,) = (own_project.path / ".pytest_cache" / "d" / "postgres").iterdir()
        (saved / "manifest.json").write_text("damaged")
        assert "cached cluster was of no use" in run(own_project)
        assert builds(own_project) == 2
        assert "cached cluster" not in run(own_project)

    def test_is_built_anew_after_a_run_that_was_killed_meanwhile(
        self, own_project: Project
    ) -> None:
        killed_while_it_builds(own_project)
        run(own_project)
        assert builds(own_project) == 2

    def test_that_cannot_be_built_fails_every_test_with_the_reason_alone(
        self, own_project: Project
    ) -> None:
        (migration,) = (own_project.path / "migrations" / "versions").glob("*.py")
        migration.write_text(migration.read_text() + "raise RuntimeError('a broken migration')\n")
        output = own_project.run("pytest", HEALTH, code=1, CI="")
        assert "The migrations fail on an empty database: a broken migration" in output
        assert "tests/fixtures/" not in output


def killed_while_it_builds(project: Project, **variables: str) -> None:
    """Kill a run in the middle of its migrations."""
    family = Family()
    slow = project.path / "slow"
    slow.touch()
    with project.start("pytest", HEALTH, CI="", **family.variables, **variables) as command:
        if not eventually(lambda: builds(project) == 1, 60):
            raise command.error("did not begin to build")
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
    output = own_project.run("pytest", "tests/test_forgetful.py", code=1, CI="")
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
        assert eventually(lambda: family.commands() == [], 20)
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
        if not eventually(note.exists, 60):
            raise command.error("did not start a server")
        data = Path(note.read_text())
        assert data.exists()
        for process in family.members():
            if "guard.py" not in " ".join(process.cmdline()) and process.name() != "postgres":
                process.kill()
        assert eventually(lambda: not data.exists() and family.servers() == [], 20)


PROJECT_NAME = "from pathlib import Path; from dev.databases.clones import project_name; print(project_name(Path()))"

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
