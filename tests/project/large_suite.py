"""The tests of a service of fifty resources, all of them: `nox -s scale`."""

from tests.harness.project import Project
from tests.project.test_suite import summary


def test_its_suite_of_over_a_thousand_tests_passes_on_two_workers(large_project: Project) -> None:
    output = large_project.run("pytest", "-n", "2")
    outcomes = summary(output)
    assert set(outcomes) == {"passed"}, output
    assert outcomes["passed"] > 1000
