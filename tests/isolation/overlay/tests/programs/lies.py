"""Sandboxes that lie, each in one way: the machine has to find every one of them.

Each lie replaces one thing of the sandbox by name.
"""

from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox import physical
from dev.sandbox.backend import VirtualBackend
from dev.sandbox.connection import VirtualConnection
from dev.sandbox.constraints import DeferrableConstraints
from dev.sandbox.notifications import Listener
from dev.sandbox.physical import PhysicalConnection
from dev.sandbox.session_objects import SessionObjects
from dev.sandbox.state import TransactionState
from dev.sandbox.statements import Classifier
from dev.sandbox.transaction import VirtualTransaction
from dev.sandbox.turns import Turns
from dev.sandbox.waits import Waits

Lie = Callable[[pytest.MonkeyPatch], None]


def a_setting_of_the_transaction_is_kept(patch: pytest.MonkeyPatch) -> None:
    commit = PhysicalConnection.commit

    async def lie(self: PhysicalConnection, _: object) -> None:
        await commit(self, {})

    patch.setattr(PhysicalConnection, "commit", lie)


def a_lock_is_granted_twice(patch: pytest.MonkeyPatch) -> None:
    async def lie(*_: object) -> bool:
        return True

    patch.setattr(PhysicalConnection, "may_lock", lie)


def a_deferred_constraint_is_never_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeferrableConstraints, "check", lambda _: [])


def a_rollback_is_not_sent(patch: pytest.MonkeyPatch) -> None:
    async def lie(self: PhysicalConnection, _: object = ()) -> None:
        self._rollback_due = False

    patch.setattr(PhysicalConnection, "_roll_back", lie)


def the_turn_is_given_twice(patch: pytest.MonkeyPatch) -> None:
    async def lie(self: Turns, transaction: TransactionState, _: object) -> None:
        self._check_allowed(transaction)

    patch.setattr(Turns, "_take_turn", lie)


def a_failed_transaction_goes_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TransactionState, "failed", property(lambda _: False, lambda *_: None))


def a_transaction_that_is_read_only_writes(patch: pytest.MonkeyPatch) -> None:
    run = PhysicalConnection.run

    async def lie(self: PhysicalConnection, *arguments: Any, **options: Any) -> Any:
        return await run(self, *arguments, **{**options, "make_readonly": False})

    patch.setattr(PhysicalConnection, "run", lie)


def a_repeatable_read_is_none(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TransactionState, "needs_snapshot", False)


def the_end_of_a_test_commits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(physical, "UNDO", "COMMIT")


def a_function_that_writes_is_a_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Classifier, "_are_harmless", lambda *_: True)


def a_savepoint_is_not_rolled_back(patch: pytest.MonkeyPatch) -> None:
    rollback = VirtualTransaction.rollback

    async def lie(self: VirtualTransaction) -> None:
        await (rollback if self._savepoint is None else VirtualTransaction.commit)(self)

    patch.setattr(VirtualTransaction, "rollback", lie)


def a_listener_is_accepted_and_never_hears(patch: pytest.MonkeyPatch) -> None:
    async def lie(*_: object) -> None:
        pass

    patch.setattr(VirtualConnection, "add_listener", lie)


def a_closed_connection_keeps_its_turn(patch: pytest.MonkeyPatch) -> None:
    def lie(self: VirtualBackend) -> None:
        self._closed = True

    patch.setattr(VirtualBackend, "terminate", lie)


def nowait_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TransactionState, "never_waits_for", lambda *_: False)


def a_read_sees_the_state_after_a_write_that_it_has_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Waits, "committed", lambda *_: None)


def a_swallowed_refusal_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "report", lambda *_: None)


def a_parameter_of_the_session_is_everybodys(patch: pytest.MonkeyPatch) -> None:
    async def lie(*_: object) -> None:
        pass

    patch.setattr(PhysicalConnection, "_change_hands", lie)


def what_a_session_has_made_is_everybodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SessionObjects, "refusal", lambda *_: None)


def nothing_is_dropped_on_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SessionObjects, "on_commit", lambda _: [])


def a_cursor_goes_on_after_its_transaction(patch: pytest.MonkeyPatch) -> None:
    async def lie(_: VirtualBackend) -> None:
        pass

    patch.setattr(VirtualBackend, "_close_cursors", lie)


def the_end_of_a_savepoint_leaves_its_transaction_read_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TransactionState, "note_savepoint", lambda *_: None)


def a_notification_arrives_twice(patch: pytest.MonkeyPatch) -> None:
    hear = Listener.hear

    def lie(self: Listener, *notification: Any) -> None:
        hear(self, *notification)
        hear(self, *notification)

    patch.setattr(Listener, "hear", lie)


LIES: dict[Lie, str] = {
    a_lock_is_granted_twice: "leader election",
    a_setting_of_the_transaction_is_kept: "local setting ends with its transaction",
    a_deferred_constraint_is_never_checked: "a deferred constraint fails at the commit",
    a_rollback_is_not_sent: "rollback undoes",
    the_turn_is_given_twice: "the second writer of a row waits",
    a_failed_transaction_goes_on: "a failed statement aborts the transaction",
    a_transaction_that_is_read_only_writes: "read only refuses writes",
    a_repeatable_read_is_none: "repeatable read sees its snapshot",
    the_end_of_a_test_commits: "commit is seen by others",
    a_function_that_writes_is_a_read: "a new function that writes is not taken for a read",
    a_savepoint_is_not_rolled_back: "a savepoint saves the transaction",
    a_listener_is_accepted_and_never_hears: "a session hears itself",
    a_closed_connection_keeps_its_turn: "a closed connection rolls back",
    nowait_waits: "nowait beside a holder",
    a_read_sees_the_state_after_a_write_that_it_has_waited_for: "a reader beside a writer",
    a_swallowed_refusal_is_forgotten: "a swallowed conflict is a finding",
    a_parameter_of_the_session_is_everybodys: "a setting belongs to its session",
    what_a_session_has_made_is_everybodys: "a temporary table belongs to its session",
    nothing_is_dropped_on_commit: "a temporary table is dropped at the commit",
    a_cursor_goes_on_after_its_transaction: "a cursor ends with its transaction",
    the_end_of_a_savepoint_leaves_its_transaction_read_only: "read only ends with its savepoint",
    a_notification_arrives_twice: "a notification is sent once and in order",
}
"""Each with the program that finds it; in the default run, many others do."""
