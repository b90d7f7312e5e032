"""The expected outcome of each test in `overlay/tests/leaks`."""

Outcomes = dict[str, dict[str, tuple[str, str]]]
"""For each test and each of its phases, the outcome and the report."""

REFUSED = (
    "which the sandbox refuses: sent as SQL, it would end the transaction that undoes this test"
)
LOST = "the transaction around this test is gone: something ended it"
STRAY = "was left running and has been cancelled. Await or cancel every task that the test starts"
FOREIGN = "which cannot be undone. Use the fixture `engine`"

REPORTED = {
    "test_raw_commit": ["`COMMIT`", REFUSED, "tests/leaks/test_leaks.py:"],
    "test_raw_commit_and_begin": ["`COMMIT; BEGIN`", REFUSED, "@pytest.mark.committed"],
    "test_raw_rollback": ["ROLLBACK`", REFUSED],
    "test_prepared_transaction": ["a prepared transaction would outlive the test"],
    "test_commit_that_the_sandbox_cannot_see": [LOST, "; COMMIT; BEGIN;"],
    "test_commit_past_the_sandbox": [LOST, "`INSERT INTO accounts"],
    "test_notification_that_the_sandbox_cannot_see": [
        "`SELECT announce()`",
        "what `announce` or its triggers notify of",
        "@pytest.mark.committed",
    ],
    "test_reading_task_left_running": ["task 'reader'", "pg_sleep(5)", STRAY],
    "test_writing_task_left_running": ["task 'writer'", "await asyncio.sleep(5)", STRAY],
    "test_task_of_a_request_left_running": ["task 'forgotten'", "probe/routes.py:", STRAY],
    "test_task_that_cannot_be_cancelled": ["task 'stubborn'", "did not end when it was cancelled"],
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


def deviations(outcomes: Outcomes) -> list[str]:
    """How outcomes differ from what is expected of these tests."""
    found = []
    for name, texts in REPORTED.items():
        if name not in outcomes:
            continue
        _, report = outcomes[name].get("teardown", ("", ""))
        title = f"{name} did not clean up after itself"
        found += [
            f"{name} does not report: {text}" for text in [title, *texts] if text not in report
        ]
    for name, (phase, text) in FAIL_BY_THEMSELVES.items():
        if name in outcomes and text not in outcomes[name].get(phase, ("", ""))[1]:
            found.append(f"{name} does not show its own failure: {text}")
    expected = {(name, "teardown") for name in REPORTED}
    expected |= {(name, phase) for name, (phase, _) in FAIL_BY_THEMSELVES.items()}
    for name, phases in outcomes.items():
        for phase, (outcome, report) in phases.items():
            if (outcome == "failed") != ((name, phase) in expected):
                found.append(f"{name} {outcome} in its {phase}: {report}")
    return found
