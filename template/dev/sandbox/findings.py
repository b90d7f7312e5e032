"""What a leak report (`LeakError`) says that a test has left behind.

`who` is a task or a connection as `tasks.describe` names it, and `line` the line that opened it.
"""

from sqlalchemy import URL

CLOSE = "Close sessions and connections, best with `async with`."


def task_left_running(who: str) -> str:
    return (
        f"{who} was left running and has been cancelled. Await or cancel every task that the test "
        "starts before the test ends."
    )


def task_not_ended(who: str) -> str:
    return f"{who} did not end when it was cancelled."


def connection_left_open(line: object | None) -> str:
    opened = f", which was opened at {line}" if line else ""
    return f"a connection of the engine was left open{opened}. {CLOSE}"


def connection_to_clone_left_open(sql: str) -> str:
    return f"a connection was left open, whose last statement was `{sql}`. {CLOSE}"


def transaction_left_open(who: str, line: object | None, holds: str | None) -> str:
    """`holds` is what a writer holds, such as its uncommitted writes."""
    writes = f"with {holds} " if holds else ""
    began = f", and which began at {line}" if line else ""
    return (
        f"a transaction {writes}was left open by {who}{began}. Commit it, roll it back, or close "
        "its session before the test ends."
    )


def written_elsewhere(who: str, what: str, url: URL) -> str:
    return (
        f"{who} {what} through another engine, to {url!r}, which cannot be undone. Use the fixture "
        "`engine`, or create other engines with `async_creator=connect` (a fixture)."
    )
