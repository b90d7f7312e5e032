"""Values that PostgreSQL has and Python has not."""

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine


class UnreadableValueError(Exception):
    """The database holds a date or a time before the year 1 or after 9999.

    Only SQL can have written it: requests are checked.
    """


def report_unreadable_values(engine: AsyncEngine) -> None:
    """Let `engine` raise UnreadableValueError for what the driver cannot convert."""

    @event.listens_for(engine.sync_engine, "handle_error", retval=True)
    def report(context: ExceptionContext) -> UnreadableValueError | None:
        # asyncpg passes on what `datetime` raises. Parameters that do not fit are its DataError.
        error = context.original_exception
        unreadable = isinstance(error, ValueError | OverflowError)
        return UnreadableValueError(str(error)) if unreadable else None
