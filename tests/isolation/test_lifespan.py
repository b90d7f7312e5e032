"""Applications whose lifespan uses the database all the time pass their tests in both ways."""

import pytest

from tests.harness.project import Project


@pytest.mark.parametrize("options", [(), ("--db=committed",)], ids=["sandbox", "committed"])
@pytest.mark.parametrize("folder", ["lifespan", "tenants"])
def test_an_application_that_is_never_idle_passes_its_tests(
    probe: Project, folder: str, options: tuple[str, ...]
) -> None:
    probe.pytest(f"tests/{folder}", *options)
