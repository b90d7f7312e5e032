"""The sandbox keeps its promises on every Python and every PostgreSQL that there is here."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import servers
from tests.harness.project import Project
from tests.harness.pythons import versions
from tests.harness.service import database

PROGRAMS: dict[str, Path | None] = {**servers.installed(), "embedded": None}

WAYS = {
    "on uvloop": ("--loop=uvloop",),
    "in the sandbox": (),
    "with real commits": ("--db=committed",),
}
# test_rows.py has what is newest and usual.
PLATFORMS = list(itertools.product(WAYS, PROGRAMS, versions()))


@pytest.mark.thorough
@pytest.mark.parametrize(("way", "server", "python"), PLATFORMS)
def test_every_promise_is_kept_on_every_python_and_every_server_that_a_url_names(
    probe: Project, environment_of: Callable[[str], Path], way: str, server: str, python: str
) -> None:
    project = Project(probe.path, environment_of(python))
    assert f"Python {python}." in project.run("python", "--version")
    programs = PROGRAMS[server]
    with database(probe, tcp=True) if programs is None else servers.serve(programs) as url:
        output = project.run("pytest", "tests/rows", *WAYS[way], TEST_DATABASE_URL=url)
    assert "of TEST_DATABASE_URL" in output
