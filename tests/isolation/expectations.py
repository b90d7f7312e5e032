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
        "what `announce` or its triggers send",
        "@pytest.mark.committed",
    ],
    "test_reading_task_left_running": ["task 'reader'", "pg_sleep(5)", STRAY],
    "test_writing_task_left_running": ["task 'writer'", "await asyncio.sleep(5)", STRAY],
    "test_statement_left_running": ["task 'statement' (AsyncSession.execute), started by", STRAY],
    "test_task_of_a_request_left_running": ["task 'forgotten'", "probe/routes.py:", STRAY],
    "test_task_left_running_in_another_folder": [
        "task 'abroad'",
        "began at tests/leaks/test_leaks.py:",
    ],
    "test_task_that_cannot_be_cancelled": ["task 'stubborn'", "did not end when it was cancelled"],
    "test_statement_that_cannot_be_cancelled": ["task 'stubborn statement'", STRAY],
    "test_commit_through_another_engine": ["committed through another engine, to", FOREIGN],
    "test_write_through_another_engine_without_a_commit": ["sent `INSERT INTO accounts", FOREIGN],
    "test_transaction_left_open": ["a transaction with uncommitted writes was left open by task"],
    "test_session_left_open": [
        "a transaction was left open by task",
        "`SELECT 1`",
        "began at tests/leaks/test_leaks.py:",
        'await session.execute(text("SELECT 1"))',
    ],
    "test_connection_left_open": [
        "a connection of the engine was left open",
        "opened at tests/leaks/test_leaks.py:",
        "kept.append(await autocommit.connect())",
    ],
    "test_the_same_leak_many_times": ["  - 4 times: a connection of the engine was left open"],
    "test_more_leaks_than_anybody_reads": [STRAY, "  - and 20 more"],
    "test_connection_lost_in_a_writing_transaction": [
        "a transaction with uncommitted writes was left open by task",
        "await connection.transaction().start()",
    ],
    "test_commit_from_another_loop": [
        "a transaction with uncommitted writes was left open by task",
        "sent `INSERT INTO accounts",
        "on a different event loop",
    ],
    "test_task_that_starts_another_one_as_it_ends": ["task 'first'", "task 'second'", STRAY],
    "test_connection_to_a_clone_left_open": ["a connection was left open", "`SELECT 'held open'`"],
    "test_connection_that_only_the_garbage_collector_finds": [
        "a connection of the engine was left open",
        "leave_to_the_garbage_collector(await engine.connect())",
    ],
    "test_task_left_running_on_a_clone": ["task 'writer on a clone'", STRAY],
    "test_a_second_writer_in_the_same_task_fails_and_the_error_names_both": [
        "uncommitted writes by task 'POST /audited/x'"
    ],
    "test_a_request_that_would_see_the_tests_uncommitted_row_fails_at_once": ["GET /names"],
    "test_waiting_for_a_writer_that_never_ends_is_an_error_that_names_both": ["task that writes"],
    "test_two_row_locks_at_once_are_refused": ["because of locks by task"],
    "test_two_advisory_locks_at_once_are_refused": ["pg_try_advisory_lock", "committed"],
    "test_a_stream_that_others_wait_for_is_called_one": ["because of an open cursor by task"],
    "test_who_would_not_wait_is_told_who_has_written": ["by task 'writer'", "SKIP LOCKED"],
    "test_what_cannot_run_in_a_transaction_says_what_to_do[0]": ["`VACUUM accounts`"],
    "test_what_cannot_run_in_a_transaction_says_what_to_do[1]": ["`CREATE INDEX CONCURRENTLY"],
    "test_what_cannot_run_in_a_transaction_says_what_to_do[2]": ["`REINDEX INDEX CONCURRENTLY"],
    "test_a_different_event_loop_is_refused_and_the_error_says_what_to_do": [
        "on a different event loop"
    ],
    "test_unittests_loop_leads_to_asynchronous_functions": ["on a different event loop"],
    "test_the_test_client_leads_to_the_fixture_client": ["on a different event loop"],
    "test_killed_backend": ["the connection was closed", "`SELECT pg_terminate_backend("],
    "test_leak_of_a_test_that_is_expected_to_fail": ["a transaction with uncommitted writes"],
    "test_failure_and_leak": ["a transaction with uncommitted writes was left open by task"],
}
FAIL_BY_THEMSELVES = {
    "test_start_that_fails_on_a_clone": ("setup", "LookupError: the start fails"),
    "test_lifespan_that_fails": ("teardown", "LookupError: a task of the lifespan fails"),
    "test_stop_that_fails_on_a_clone": ("teardown", "LookupError: the stop fails"),
    "test_failure_with_a_connection_to_a_clone": ("call", "Failed: the test's own failure"),
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
