"""A test that leaks fails, says why, and hurts no other: see `project/tests/leaks`."""

import pytest

from tests.isolation.conftest import Outcomes

REFUSED = (
    "which the sandbox refuses: sent as SQL it would end the transaction that undoes this test"
)
LOST = "the transaction around this test is gone: something has ended it"
STRAY = "was left running and has been cancelled. Await or cancel what the test starts"
FOREIGN = "which cannot be undone. Use the fixture `engine`"

REPORTED = {
    "test_raw_commit": ["`COMMIT`", REFUSED, "tests/leaks/test_leaks.py:"],
    "test_raw_commit_and_begin": ["`COMMIT; BEGIN`", REFUSED, "@pytest.mark.committed"],
    "test_raw_rollback": ["ROLLBACK`", REFUSED],
    "test_prepared_transaction": ["a prepared transaction would outlive the test"],
    "test_commit_that_the_sandbox_cannot_see": [LOST, "; COMMIT; BEGIN;"],
    "test_commit_past_the_sandbox": [LOST, "`INSERT INTO accounts"],
    "test_listening": ["`LISTEN news`", "it would never hear", "@pytest.mark.committed"],
    "test_reading_task_left_running": ["task 'reader'", "pg_sleep(5)", STRAY],
    "test_writing_task_left_running": ["task 'writer'", "await asyncio.sleep(5)", STRAY],
    "test_task_of_a_request_left_running": ["task 'forgotten'", "probe/routes.py:", STRAY],
    "test_task_that_cannot_be_cancelled": ["task 'stubborn'", "does not end when it is cancelled"],
    "test_statement_that_cannot_be_cancelled": ["task 'stubborn statement'", STRAY],
    "test_commit_through_another_engine": ["committed through another engine, to", FOREIGN],
    "test_write_through_another_engine_without_a_commit": ["sent `INSERT INTO accounts", FOREIGN],
    "test_transaction_left_open": ["a transaction with uncommitted writes was left open by task"],
    "test_session_left_open": ["a transaction was left open by task", "`SELECT 1`"],
    "test_connection_to_a_clone_left_open": ["a connection was left open", "`SELECT 'held open'`"],
    "test_task_left_running_on_a_clone": ["task 'writer on a clone'", STRAY],
    "test_killed_backend": ["the connection was closed", "`SELECT pg_terminate_backend("],
    "test_failure_and_leak": ["a transaction with uncommitted writes was left open by task"],
}
FAIL_BY_THEMSELVES = {
    "test_failure_and_leak": ("call", "Failed: the test's own failure"),
    "test_fixture_that_fails_half_way": ("setup", "LookupError: the fixture fails"),
    "test_failure_whose_values_cannot_be_shown": ("call", "raised in repr()"),
}


@pytest.mark.parametrize("name", REPORTED)
def test_a_leak_is_reported_in_the_test_that_caused_it(leaks: Outcomes, name: str) -> None:
    outcome, report = leaks[name]["teardown"]
    assert outcome == "failed"
    assert f"{name} did not clean up after itself" in report
    assert [text for text in REPORTED[name] if text not in report] == [], report


@pytest.mark.parametrize("name", FAIL_BY_THEMSELVES)
def test_a_leak_never_hides_the_failure_of_the_test_itself(leaks: Outcomes, name: str) -> None:
    phase, text = FAIL_BY_THEMSELVES[name]
    outcome, report = leaks[name][phase]
    assert outcome == "failed"
    assert text in report


def test_no_leak_hurts_another_test(leaks: Outcomes) -> None:
    """Each begins with a look at what the one before it has left."""
    failed = {
        (name, phase)
        for name, phases in leaks.items()
        for phase, (outcome, _) in phases.items()
        if outcome == "failed"
    }
    expected = {(name, "teardown") for name in REPORTED}
    expected |= {(name, phase) for name, (phase, _) in FAIL_BY_THEMSELVES.items()}
    assert failed == expected


def test_every_leak_was_tried(leaks: Outcomes) -> None:
    assert REPORTED.keys() | FAIL_BY_THEMSELVES.keys() < leaks.keys()
    assert leaks["test_everything_works_in_the_end"]["call"][0] == "passed"
