"""The sandbox tells the truth: with real commits every test of a project ends in the same way."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.harness.project import Project

WAYS = {
    "sandbox, serially": (),
    "real commits, two workers": ("--db=committed", "-n", "2"),
    "real commits, serially": ("--db=committed",),
    "sandbox, two workers": ("-n", "2"),
}


def outcomes(project: Project, report: Path, *options: str) -> dict[str, str]:
    """How each test of the project's suite ended."""
    project.run("pytest", f"--junit-xml={report}", *options, code=None)
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        found[f"{case.get('classname')}::{case.get('name')}"] = kinds[0] if kinds else "passed"
    return found


@pytest.mark.thorough  # tests/project/test_suite.py has most of the ways
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_every_way_to_run_the_suite_has_the_same_outcome(
    default_project: Project, tmp_path: Path, seed: int
) -> None:
    order = f"--randomly-seed={seed}"
    results = {
        way: outcomes(default_project, tmp_path / "report.xml", order, *options)
        for way, options in WAYS.items()
    }
    expected = results["sandbox, serially"]
    assert set(expected.values()) == {"passed"}
    assert len(expected) > 25
    for way, found in results.items():
        assert found == expected, way
