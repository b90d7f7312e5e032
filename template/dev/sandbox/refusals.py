"""Which statements the sandbox refuses, and why."""

from dev.sandbox.errors import COMMITTED

_ENDS_TRANSACTION = (
    "sent as SQL, it would end the transaction that undoes this test. Begin and end transactions "
    "through the session or the connection (`session.commit()`, `connection.begin()`), or "
    f"{COMMITTED}."
)


def refusal(words: list[str], alone: bool = True) -> str | None:
    """Why a statement of these words, in lower case, cannot run; None if it can.

    `alone` says whether it is the only one in its piece of SQL.
    """
    match words:
        case ["begin" | "start" | "commit" | "end" | "abort", *_]:
            return _ENDS_TRANSACTION
        case ["rollback", *rest] if "to" not in rest:
            return _ENDS_TRANSACTION
        case ["declare", *rest] if _holds(rest):
            return f"a cursor WITH HOLD outlives its transaction; {COMMITTED}."
        case ["prepare", "transaction", *_]:
            return f"a prepared transaction would outlive the test; {COMMITTED}."
        case ["set", *rest] if "transaction" in rest[:2]:
            if "snapshot" in rest:
                return f"all transactions share one connection, and so one snapshot; {COMMITTED}."
            if not alone:
                return f"SET TRANSACTION has to be sent by itself here. Do that, or {COMMITTED}."
        case ["set", "transaction_isolation" | "transaction_read_only", *_] | [
            "set",
            "local" | "session",
            "transaction_isolation" | "transaction_read_only",
            *_,
        ]:
            return f"it has no effect here. Send SET TRANSACTION instead, or {COMMITTED}."
    return None


def _holds(words: list[str]) -> bool:
    """Whether a cursor of this declaration goes on after its transaction."""
    options = words[: words.index("for")] if "for" in words else words
    return "hold" in options and "without" not in options
