"""The sandbox keeps its promises on every Python and every PostgreSQL that there is here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import servers
from tests.harness.project import Project
from tests.harness.pythons import interpreters
from tests.harness.service import database

PROGRAMS = {"embedded": None, **servers.installed()}


@pytest.mark.parametrize("python", list(interpreters().values()), ids=list(interpreters()))
def test_every_promise_is_kept_on_every_python(
    probe: Project, copy: Callable[[Project], Project], python: str
) -> None:
    copy(probe).with_own_venv().run("pytest", "tests/rows", UV_PYTHON=python)


@pytest.mark.parametrize("programs", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("db", ["sandbox", "committed"])
def test_every_promise_is_kept_on_a_server_that_a_url_names(
    probe: Project, programs: Path | None, db: str
) -> None:
    with database(probe, tcp=True) if programs is None else servers.serve(programs) as url:
        output = probe.run("pytest", "tests/rows", f"--db={db}", TEST_DATABASE_URL=url)
    assert "of TEST_DATABASE_URL" in output
