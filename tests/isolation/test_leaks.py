"""A test that leaks fails, says why, and affects no other: see `overlay/tests/leaks`."""

import pytest

from tests.isolation.expectations import FAIL_BY_THEMSELVES, REPORTED, Outcomes, deviations


@pytest.mark.parametrize("name", REPORTED)
def test_a_leak_is_reported_in_the_test_that_caused_it(leaks: Outcomes, name: str) -> None:
    outcome, report = leaks[name]["teardown"]
    assert outcome == "failed"
    assert [text for text in REPORTED[name] if text not in report] == [], report


@pytest.mark.parametrize("name", FAIL_BY_THEMSELVES)
def test_a_leak_never_hides_the_failure_of_the_test_itself(leaks: Outcomes, name: str) -> None:
    phase, text = FAIL_BY_THEMSELVES[name]
    outcome, report = leaks[name][phase]
    assert outcome == "failed"
    assert text in report


def test_no_leak_affects_another_test(leaks: Outcomes) -> None:
    """Each test first checks that the one before it has left nothing behind."""
    assert deviations(leaks) == []
    assert leaks["test_everything_works_in_the_end"]["call"][0] == "passed"
