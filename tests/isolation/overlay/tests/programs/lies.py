"""Sandboxes that lie, each in one way: the machine has to find every one of them.

Each lie replaces one thing of the sandbox by name. More belong here as soon as the sandbox has what
they are about: a lock of the session that is granted twice, a setting or a role that another
session sees, a notification after a rollback, a refusal that is forgotten when it is swallowed, a
temporary table or a prepared statement that outlives its connection.
"""

from collections.abc import Callable
from typing import Any

import pytest

from dev.sandbox import physical
from dev.sandbox.backend import VirtualBackend
from dev.sandbox.connection import VirtualConnection
from dev.sandbox.constraints import DeferrableConstraints
from dev.sandbox.physical import PhysicalConnection
from dev.sandbox.state import TransactionState
from dev.sandbox.statements import Classifier
from dev.sandbox.transaction import VirtualTransaction
from dev.sandbox.turns import Turns

Lie = Callable[[pytest.MonkeyPatch], None]


def a_setting_of_the_transaction_is_kept(patch: pytest.MonkeyPatch) -> None:
    commit = PhysicalConnection.commit

    async def lie(self: PhysicalConnection, settings: object) -> None:
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


LIES: list[Lie] = [
    a_lock_is_granted_twice,
    a_setting_of_the_transaction_is_kept,
    a_deferred_constraint_is_never_checked,
    a_rollback_is_not_sent,
    the_turn_is_given_twice,
    a_failed_transaction_goes_on,
    a_transaction_that_is_read_only_writes,
    a_repeatable_read_is_none,
    the_end_of_a_test_commits,
    a_function_that_writes_is_a_read,
    a_savepoint_is_not_rolled_back,
    a_listener_is_accepted_and_never_hears,
    a_closed_connection_keeps_its_turn,
]
