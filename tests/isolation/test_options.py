"""The options of a run, and an application that writes when it starts."""

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.project import Copy, Project

PLACE = "            # Your own startup and shutdown go below this line.\n"
START = """\
            async with app.state.sessions.begin() as session:
                insert = "INSERT INTO accounts (name) VALUES ('started')"
                await session.execute(__import__("sqlalchemy").text(insert))
                raw = await (await session.connection()).get_raw_connection()
                app.state.heard = heard = __import__("asyncio").Queue()
                hear = lambda *news: heard.put_nowait(news[-1])
                app.state.listening = raw.driver_connection
                await raw.driver_connection.add_listener("news", hear)
"""


@pytest.fixture
def starting(probe: Project, copy: Callable[[Project], Project]) -> Project:
    """The probe, with an application that inserts a row and listens when it starts."""
    project = copy(probe)
    main = project.path / "app" / "main.py"
    code = main.read_text()
    assert PLACE in code
    main.write_text(code.replace(PLACE, PLACE + START))
    return project


def test_what_the_application_writes_when_it_starts_is_there_in_every_test(
    starting: Project,
) -> None:
    output = starting.pytest("tests/started", "-p", "no:randomly", code=1)
    assert "12 passed, 1 error" in output, output
    assert "test_the_database_is_lost did not clean up after itself" in output
    starting.pytest("tests/started", "--db=committed", "--deselect", LOSES)


LOSES = "tests/started/test_started.py::test_the_database_is_lost"


def test_the_database_of_a_failed_test_is_kept_and_can_be_opened(
    probe: Project, copy: Copy
) -> None:
    # Until the next run in the same folder, which another test may begin.
    output = copy(probe).pytest("tests/kept", "--db-keep", code=1)
    assert "2 failed, 1 passed" in output
    kept = dict(re.findall(r"^\S+::(\w+)\n +(.*psql.*)$", output, re.MULTILINE))
    assert query(kept["test_fails"]) == "of the failed test"
    assert query(kept["test_fails_on_a_clone"]) == "of the clone"
    [keep] = re.findall(r"rm (.*/keep)$", output, re.MULTILINE)
    Path(keep).unlink()  # as the summary of the run says


def query(psql: str) -> str:
    command = [*shlex.split(psql), "-Atc", "SELECT name FROM accounts"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_without_the_option_no_database_is_kept(probe: Project) -> None:
    output = probe.pytest("tests/kept", code=1)
    assert "psql" not in output


@pytest.mark.parametrize("options", ["--setup-show --durations=3", "--setup-plan", "--fixtures"])
def test_options_of_pytest_work(probe: Project, options: str) -> None:
    probe.pytest("tests/rows/test_http.py", *options.split())


@pytest.mark.parametrize("db", ["sandbox", "committed"])
def test_synchronous_tests_can_use_the_fixtures(probe: Project, db: str) -> None:
    probe.pytest("tests/synchronous", f"--db={db}")
