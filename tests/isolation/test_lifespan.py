"""Tasks of the lifespan may use the database all the time: see `overlay/tests/lifespan`."""

import pytest

from tests.harness.project import Project


@pytest.mark.parametrize("options", [(), ("--db=committed",)], ids=["sandbox", "committed"])
def test_an_application_that_is_never_idle_passes_its_tests(
    probe: Project, options: tuple[str, ...]
) -> None:
    probe.run("pytest", "tests/lifespan", *options)
