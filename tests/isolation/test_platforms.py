"""The sandbox keeps its promises on every Python and every PostgreSQL that there is here."""

import itertools
from pathlib import Path

import pytest

from tests.harness import servers
from tests.harness.project import Copy, Project
from tests.harness.pythons import interpreters
from tests.harness.service import database
from tests.harness.thorough import usually

PROGRAMS: dict[str, Path | None] = {**servers.installed(), "embedded": None}
SERVERS = list(itertools.product(PROGRAMS, ["sandbox", "committed"]))


@pytest.mark.parametrize("version", usually(interpreters(), 1))
def test_every_promise_is_kept_on_every_python(probe: Project, copy: Copy, version: str) -> None:
    python = interpreters()[version]
    copy(probe).with_own_venv().run("pytest", "tests/rows", UV_PYTHON=python)


@pytest.mark.parametrize(("version", "db"), usually(SERVERS, 1))
def test_every_promise_is_kept_on_a_server_that_a_url_names(
    probe: Project, version: str, db: str
) -> None:
    programs = PROGRAMS[version]
    with database(probe, tcp=True) if programs is None else servers.serve(programs) as url:
        output = probe.run("pytest", "tests/rows", f"--db={db}", TEST_DATABASE_URL=url)
    assert "of TEST_DATABASE_URL" in output
