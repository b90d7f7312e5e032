"""The safeguards of the fixtures: where each is, what takes its place, and which test notices."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from .replacements import (
    Replacement,
    becomes,
    does_nothing,
    inherited,
    is_instead,
    returns,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Sabotage:
    """The removal of one safeguard."""

    safeguard: str

    target: str
    """What is replaced: `package.module:name` or `package.module:Class.name`."""

    replacement: Replacement

    file: str
    """Where its tests are."""

    notices: str
    """The test that turns out otherwise without the safeguard."""

    after: tuple[str, ...] = ()
    """The tests that run before it."""

    waits: bool = False
    """Whether it takes seconds to be noticed, so that the others run meanwhile."""

    @property
    def tests(self) -> list[str]:
        return [f"tests/{self.file}::{name}" for name in (*self.after, self.notices)]


# Replacements that still do something


async def let_everybody_write(self: Any) -> None:
    self._turn = asyncio.Lock()
    await self._turn.acquire()


async def until_cancelled(work: Coroutine[Any, Any, T]) -> T:
    return await work


def close_without_rollback(self: Any) -> None:
    self._closed = True


def have_none(self: Any, codecs: Any) -> bool:
    return not self._current


def run_in_the_same_task(work: Coroutine[Any, Any, T], name: str) -> Coroutine[Any, Any, T]:
    return work


def as_it_is(engine: Any) -> Any:
    return engine


def answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200)


SABOTAGE = [
    Sabotage(
        "everything is rolled back when a test ends",
        "dev.sandbox.physical:UNDO",
        becomes("COMMIT"),
        "rows/test_errors.py",
        "test_commits_and_rollbacks_within_a_request_end_where_they_would",
        after=("test_a_request_that_fails_does_not_undo_what_the_test_prepared",),
    ),
    Sabotage(
        "the savepoint guards the transaction around the test",
        "dev.sandbox.physical:GUARD",
        becomes(""),
        "leaks/test_leaks.py",
        "test_commit_past_the_sandbox",
    ),
    Sabotage(
        "locks of the session end with the test",
        "dev.sandbox.physical:UNLOCK",
        becomes(""),
        "rows/test_session_state.py",
        "test_an_advisory_lock_of_the_session_ends_with_the_test[second]",
        after=("test_an_advisory_lock_of_the_session_ends_with_the_test[first]",),
    ),
    Sabotage(
        "writers take turns",
        "dev.sandbox.turns:Turns._wait_for_turn",
        is_instead(let_everybody_write),
        "rows/test_concurrency.py",
        "test_a_rolled_back_row_is_never_seen",
    ),
    Sabotage(
        "a conflict that cannot be resolved is found at once",
        "dev.sandbox.turns:Turns._writer_waits_for_us",
        returns(False),
        "leaks/test_refusals.py",
        "test_a_request_that_would_see_the_tests_uncommitted_row_fails_at_once",
        waits=True,
    ),
    Sabotage(
        "SQLAlchemy's own tasks act for others",
        "dev.sandbox.tasks:_belongs_to_sqlalchemy",
        returns(False),
        "leaks/test_refusals.py",
        "test_a_second_writer_in_the_same_task_fails_and_the_error_names_both",
        waits=True,
    ),
    Sabotage(
        "nobody is taken to wait for the statements that he has started as tasks",
        "dev.sandbox.tasks:_is_called_by_sqlalchemy",
        returns(True),
        "rows/test_concurrency.py",
        "test_the_methods_of_several_connections_can_be_gathered",
    ),
    Sabotage(
        "a test does not begin in a transaction that is older",
        "dev.sandbox.physical:PhysicalConnection._begin_again_if_old",
        does_nothing,
        "rows/test_clock.py",
        "test_now_is_no_earlier_than_the_test",
        waits=True,
    ),
    Sabotage(
        "sequences that a block sets are set for one test only",
        "dev.sandbox.statements:_words_in_literals",
        returns(set()),
        "rows/test_session_state.py",
        "test_a_sequence_that_is_set_is_as_before_in_the_next_test[by a block-second]",
        after=("test_a_sequence_that_is_set_is_as_before_in_the_next_test[by a block-first]",),
    ),
    Sabotage(
        "what a test gives to a connection ends with it",
        "dev.sandbox.backend:VirtualBackend.note_what_it_keeps",
        does_nothing,
        "rows/test_session_state.py",
        "test_a_codec_that_a_test_sets_ends_with_it[second]",
        after=("test_a_codec_that_a_test_sets_ends_with_it[first]",),
    ),
    Sabotage(
        "a transaction does not wait for ever",
        "dev.sandbox.turns:Turns._writer_is_idle_since",
        returns(False),
        "leaks/test_refusals.py",
        "test_waiting_for_a_writer_that_never_ends_is_an_error_that_names_both",
        waits=True,
    ),
    Sabotage(
        "deferred constraints are checked at the commit",
        "dev.sandbox.constraints:DeferrableConstraints.check",
        returns([]),
        "rows/test_constraints.py",
        "test_a_deferred_foreign_key_is_checked_at_the_commit",
    ),
    Sabotage(
        "deferred constraints are deferred again after a commit",
        "dev.sandbox.constraints:DeferrableConstraints.defer_again",
        returns([]),
        "rows/test_constraints.py",
        "test_a_deferred_foreign_key_is_deferred_again_in_the_next_transaction",
    ),
    Sabotage(
        "constraints that a test creates are known",
        "dev.sandbox.physical:PhysicalConnection._load_new_constraints",
        does_nothing,
        "rows/test_constraints.py",
        "test_a_constraint_that_the_test_itself_creates_is_checked",
    ),
    Sabotage(
        "what is known of the schema is forgotten after a test has changed it",
        "dev.sandbox.physical:PhysicalConnection.forget_schema",
        does_nothing,
        "rows/test_session_state.py",
        "test_a_new_type_is_unknown_to_the_next_test[second]",
        after=("test_a_new_type_is_unknown_to_the_next_test[first]",),
    ),
    Sabotage(
        "parameters of a transaction end with its commit",
        "dev.sandbox.physical:reset_settings",
        returns([]),
        "rows/test_session_state.py",
        "test_a_parameter_of_a_transaction_ends_with_its_commit[0]",
    ),
    Sabotage(
        "statements prepared in SQL end with the test",
        "dev.sandbox.physical:PhysicalConnection._deallocate",
        does_nothing,
        "rows/test_session_state.py",
        "test_a_prepared_statement_of_sql_ends_with_the_test[second]",
        after=("test_a_prepared_statement_of_sql_ends_with_the_test[first]",),
    ),
    Sabotage(
        "a failed read is rolled back",
        "dev.sandbox.turns:Turns._undo_failed_read",
        does_nothing,
        "rows/test_errors.py",
        "test_a_failed_read_is_not_the_loss_of_another_transactions_commit",
    ),
    Sabotage(
        "a failed transaction stays failed",
        "dev.sandbox.state:TransactionState.check_not_failed",
        does_nothing,
        "rows/test_errors.py",
        "test_a_failed_statement_aborts_its_transaction_and_no_other[SELECT 1/0-SELECT 1]",
    ),
    Sabotage(
        "the commit of a failed transaction is a rollback",
        "dev.sandbox.state:TransactionState.can_commit",
        returns(True),
        "rows/test_errors.py",
        "test_the_commit_of_an_aborted_transaction_rolls_back_without_an_error[SELECT 1/0]",
    ),
    Sabotage(
        "a failed commit is rolled back",
        "dev.sandbox.turns:Turns._undo_failed_commit",
        does_nothing,
        "rows/test_constraints.py",
        "test_a_statement_outside_a_transaction_fails_if_it_violates_a_deferred_constraint",
    ),
    Sabotage(
        "a commit is never cut in two",
        "dev.sandbox.physical:to_the_end",
        is_instead(until_cancelled),
        "rows/test_cancellation.py",
        "test_a_commit_that_has_begun_is_finished_before_the_cancellation_counts",
    ),
    Sabotage(
        "a cancelled transaction is rolled back",
        "dev.sandbox.backend:VirtualBackend.terminate",
        is_instead(close_without_rollback),
        "rows/test_driver.py",
        "test_closing_a_connection_rolls_back",
    ),
    Sabotage(
        "a request to cancel that gets lost is repeated",
        "dev.sandbox.physical:PhysicalConnection._cancel_again",
        does_nothing,
        "rows/test_cancellation.py",
        "test_a_request_to_cancel_that_gets_lost_is_repeated",
        waits=True,
    ),
    Sabotage(
        "functions that may write are not taken for reads",
        "dev.sandbox.statements:Classifier._are_harmless",
        returns(True),
        "rows/test_limits.py",
        "test_a_function_that_writes_is_not_taken_for_a_read",
    ),
    Sabotage(
        "read-only transactions cannot write",
        "dev.sandbox.physical:PhysicalConnection._make_readonly",
        does_nothing,
        "rows/test_transactions.py",
        "test_a_read_only_transaction_cannot_write",
    ),
    Sabotage(
        "repeatable reads see no commits of others",
        "dev.sandbox.state:TransactionState.needs_snapshot",
        returns(False),
        "rows/test_transactions.py",
        "test_repeatable_reads_are_repeatable",
    ),
    Sabotage(
        "each connection has codecs of its own",
        "dev.sandbox.codecs:CurrentCodecs.differ_from",
        is_instead(have_none),
        "rows/test_driver.py",
        "test_type_codecs_are_each_connections_own",
    ),
    Sabotage(
        "connections are opened as in production",
        "dev.isolation:connect_options",
        returns({}),
        "rows/test_session_state.py",
        "test_connections_are_opened_with_the_options_of_the_applications_engine",
    ),
    Sabotage(
        "the engine connects again after a test has changed the session",
        "dev.sandbox.sandbox:Sandbox.session_changed",
        returns(False),
        "rows/test_hooks.py",
        "test_what_a_hook_sets_for_new_connections_is_set_in_every_test[second]",
        after=("test_what_a_hook_sets_for_new_connections_is_set_in_every_test[first]",),
    ),
    Sabotage(
        "requests have tasks of their own",
        "dev.sandbox.tasks:spawn",
        is_instead(run_in_the_same_task),
        "rows/test_http.py",
        "test_a_request_shares_no_context_with_the_test",
    ),
    Sabotage(
        "dependency overrides end with the test",
        "tests.fixtures.app:end_overrides",
        does_nothing,
        "rows/test_http.py",
        "test_dependency_overrides_end_with_the_test[second]",
        after=("test_dependency_overrides_end_with_the_test[first]",),
    ),
    Sabotage(
        "routes that a test adds end with it",
        "tests.fixtures.app:remove_other_routes",
        does_nothing,
        "rows/test_http.py",
        "test_routes_that_a_test_adds_end_with_it[second]",
        after=("test_routes_that_a_test_adds_end_with_it[first]",),
    ),
    Sabotage(
        "patches of the application's state end with the test",
        "dev.isolation:make_state_patchable",
        does_nothing,
        "rows/test_http.py",
        "test_patches_of_the_state_of_the_application_end_with_the_test[second]",
        after=("test_patches_of_the_state_of_the_application_end_with_the_test[first]",),
    ),
    Sabotage(
        "the test's session reads again what it looks up",
        "tests.fixtures.db_session:FreshSession.get",
        inherited,
        "rows/test_http.py",
        "test_an_object_of_the_test_shows_what_the_application_has_changed",
    ),
    Sabotage(
        "the test's session reads again what it selects",
        "tests.fixtures.db_session:READ_FRESH",
        becomes({}),
        "rows/test_http.py",
        "test_an_object_of_the_test_shows_what_the_application_has_changed",
    ),
    Sabotage(
        "the test's session survives a failed flush",
        "tests.fixtures.db_session:FreshSession.flush",
        inherited,
        "rows/test_errors.py",
        "test_a_failed_flush_leaves_the_tests_session_usable",
    ),
    Sabotage(
        "the test's session holds no transaction",
        "tests.fixtures.db_session:in_autocommit",
        is_instead(as_it_is),
        "rows/test_http.py",
        "test_the_tests_session_cannot_block_the_application",
    ),
    Sabotage(
        "requests to the outside are refused",
        "tests.fixtures.outgoing_requests:refuse",
        is_instead(answer),
        "rows/test_tools.py",
        "test_outgoing_requests_are_refused_and_the_error_says_what_to_do",
    ),
    Sabotage(
        "statements that end the transaction are refused",
        "dev.sandbox.turns:Turns.refuse",
        does_nothing,
        "leaks/test_leaks.py",
        "test_raw_commit",
    ),
    Sabotage(
        "a refusal is reported even if it is swallowed",
        "dev.sandbox.turns:Turns.report",
        does_nothing,
        "leaks/test_leaks.py",
        "test_raw_commit",
    ),
    Sabotage(
        "tasks that are left running are ended and reported",
        "dev.sandbox.leaks:end_tasks",
        returns(([], set())),
        "leaks/test_leaks.py",
        "test_reading_task_left_running",
        waits=True,
    ),
    Sabotage(
        "the connection is used in its own event loop alone",
        "dev.sandbox.turns:Turns._check_loop",
        does_nothing,
        "leaks/test_refusals.py",
        "test_a_different_event_loop_is_refused_and_the_error_says_what_to_do",
    ),
    Sabotage(
        "the database is closed to code that no test asked for",
        "dev.sandbox.turns:Turns._check_lease",
        does_nothing,
        "leaks/test_leaks.py",
        "test_database_that_was_not_asked_for",
    ),
    Sabotage(
        "tasks that do not end are kept out of other tests",
        "dev.sandbox.sandbox:Sandbox.ban",
        does_nothing,
        "leaks/test_leaks.py",
        "test_task_that_cannot_be_cancelled_is_kept_out_of_the_next_test",
        after=("test_task_that_cannot_be_cancelled",),
        waits=True,
    ),
    Sabotage(
        "commits through other engines are reported",
        "dev.sandbox.leaks:CommitWatch._on_commit",
        does_nothing,
        "leaks/test_leaks.py",
        "test_commit_through_another_engine",
    ),
    Sabotage(
        "writes through other engines are reported",
        "dev.sandbox.leaks:CommitWatch._on_execute",
        does_nothing,
        "leaks/test_leaks.py",
        "test_write_through_another_engine_without_a_commit",
    ),
    Sabotage(
        "a database that another engine has written to is replaced",
        "dev.isolation:may_be_spoilt",
        returns(False),
        "leaks/test_leaks.py",
        "test_everything_works_in_the_end",
        after=("test_commit_through_another_engine",),
    ),
    Sabotage(
        "a database that cannot be cleaned is replaced",
        "dev.sandbox.sandbox:Sandbox.broken",
        returns(False),
        "leaks/test_leaks.py",
        "test_everything_works_in_the_end",
        after=("test_commit_past_the_sandbox",),
        waits=True,
    ),
    Sabotage(
        "transactions that are left open are ended and reported",
        "dev.sandbox.sandbox:Sandbox._end_open_transactions",
        returns([]),
        "leaks/test_leaks.py",
        "test_session_left_open",
    ),
    Sabotage(
        "the turn of a connection that is lost is given back",
        "dev.sandbox.turns:Turns.end_writer",
        returns([]),
        "leaks/test_leaks.py",
        "test_connection_lost_in_a_writing_transaction",
    ),
    Sabotage(
        "what a test has started is kept out of the next one",
        "dev.sandbox.turns:Turns._belongs_to_test",
        returns(True),
        "leaks/test_leaks.py",
        "test_a_timer_does_not_write_into_the_next_test",
        after=("test_a_timer_is_started", "test_a_timer_is_started_on_a_clone"),
    ),
    Sabotage(
        "connections to a clone that are left open are reported",
        "dev.isolation:connections_left_open",
        returns([]),
        "leaks/test_leaks.py",
        "test_connection_to_a_clone_left_open",
        waits=True,
    ),
    Sabotage(
        "the database of the environment is closed",
        "dev.plugin.options:close_database_url",
        does_nothing,
        "leaks/test_leaks.py",
        "test_engine_from_the_environment",
    ),
]
