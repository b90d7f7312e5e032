"""No safeguard of the fixtures can be removed unnoticed: without any of them, a test fails.

`overlay/sabotage/cases.py` lists them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.project import Project
from tests.harness.service import database
from tests.harness.shared import once
from tests.isolation.expectations import deviations
from tests.isolation.overlay.sabotage.cases import SABOTAGE, Sabotage

TIME_LIMIT = 900
"""Seconds for all of them; on two quiet cores they take half a minute."""

Results = dict[str, dict[str, Any]]
"""What `python -m sabotage` found (see there)."""


@pytest.fixture(scope="session")
def results(probe: Project, shared: Path) -> Results:
    def run(target: Path) -> None:
        with database(probe) as url:
            command = "python", "-m", "sabotage", str(target)
            with probe.start(*command, TEST_DATABASE_URL=url) as running:
                running.wait(seconds=TIME_LIMIT)

    results: Results = json.loads(once(shared / "sabotage.json", run).read_text())
    return results


def outcomes(result: dict[str, Any], tests: list[str]) -> dict[str, Any]:
    """The outcome of each test; fails unless each has run."""
    assert result.get("code") in (0, 1), result["output"]
    found: dict[str, Any] = result["outcomes"]
    assert set(found) == {test.rpartition("::")[2] for test in tests}, result["output"]
    return found


def test_with_all_safeguards_every_test_turns_out_as_expected(results: Results) -> None:
    every_test = [test for sabotage in SABOTAGE for test in sabotage.tests]
    assert deviations(outcomes(results[""], every_test)) == []


@pytest.mark.parametrize("sabotage", SABOTAGE, ids=lambda sabotage: sabotage.safeguard)
def test_without_it_a_test_fails(results: Results, sabotage: Sabotage) -> None:
    result = results[sabotage.safeguard]
    found = deviations(outcomes(result, sabotage.tests))
    assert any(deviation.startswith(sabotage.notices) for deviation in found), result["output"]


def test_each_sabotage_removes_a_different_safeguard() -> None:
    assert len({sabotage.safeguard for sabotage in SABOTAGE}) == len(SABOTAGE) == 54
    assert len({sabotage.target for sabotage in SABOTAGE}) == 54
