"""Which statements the sandbox refuses, and why."""

from dev.sandbox.errors import COMMITTED

_ENDS_TRANSACTION = (
    "sent as SQL, it would end the transaction that undoes this test. Begin and end transactions "
    "through the session or the connection (`session.commit()`, `connection.begin()`), or "
    f"{COMMITTED}."
)


def refusal(words: list[str]) -> str | None:
    """Why a statement of these words, in lower case, cannot run; None if it can."""
    match words:
        case ["begin" | "start" | "commit" | "end" | "abort", *_]:
            return _ENDS_TRANSACTION
        case ["rollback", *rest] if "to" not in rest:
            return _ENDS_TRANSACTION
        case ["prepare", "transaction", *_]:
            return f"a prepared transaction would outlive the test; {COMMITTED}."
    return None
