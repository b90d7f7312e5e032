"""The table of `docs/isolation-limits.md`: `python -m tests.programs.table` prints it."""

from tests.programs.catalog import FEATURES, ITEMS
from tests.programs.known import WRONG
from tests.programs.language import Operation, status

REFUSED: frozenset[Operation] = frozenset(
    {
        status("SET default_transaction_read_only = on"),
        status(f"DECLARE named CURSOR WITH HOLD FOR {ITEMS}"),
        *FEATURES["outside of transactions"],
        *FEATURES["transactions by SQL"],
    }
)
"""What the sandbox refuses even if nobody else is there."""

NOTES = {
    "transactions": "virtualized: a transaction begins with its first statement",
    "lost connections": "reported, and rolled back at the end of the test",
    "isolation levels": "virtualized: refused once others have committed after the first read",
    "savepoints": "equal, and set again if others have used the connection",
    "reads": "equal; beside a session that writes, refused after `writer_timeout`",
    "functions that change nothing": "equal",
    "locks of rows": "virtualized: a session that locks waits for the one that writes",
    "writes": "virtualized: sessions that write come one after another, or are refused",
    "constraints that can be deferred": "virtualized: checked at the virtual commit",
    "settings of the transaction": "virtualized: undone at the virtual commit, set again in turn",
    "settings of the session": "virtualized: each connection has its own; those about the "
    "transactions to come are refused",
    "advisory locks": "equal; refused while another connection holds one beyond its transaction",
    "cursors of the driver": "virtualized: 1,000 rows are read at once; with more, it is alone",
    "streams": "virtualized, as cursors of the driver",
    "COPY": "equal",
    "roles": "virtualized, as settings",
    "cursors of SQL": "equal, and the transaction has the connection to itself; refused WITH HOLD",
    "temporary tables": "equal; another connection that names one of them is refused",
    "prepared statements by SQL": "equal; another connection that names one of them is refused",
    "sequences": "equal, and as in PostgreSQL no rollback undoes them; `currval` is refused "
    "once another connection has written",
    "LISTEN and NOTIFY": "virtualized: delivered at the virtual commit, also what triggers send",
    "DDL": "equal, and rolled back with the test; a change of a table is refused while another "
    "transaction goes on that has read",
    "outside of transactions": "refused",
    "transactions by SQL": "refused",
    "cancellation": "equal",
}


def table() -> str:
    lines = ["| feature | in the sandbox | tried |", "| --- | --- | --- |"]
    for feature, operations in FEATURES.items():
        tried = [operation for operation in operations if operation not in WRONG]
        lines.append(
            f"| {feature} | {NOTES[feature]} | {len(set(tried))} of {len(set(operations))} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201
