"""Values that PostgreSQL has and Python has not, and those that no log may show."""

import re

from asyncpg import PostgresError
from asyncpg.exceptions import DataError, PostgresSyntaxError
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine


class UnreadableValueError(Exception):
    """The database holds a date or a time before the year 1 or after 9999, a decimal that is NaN or
    infinite, or a number in a JSON value that is too long for Python.

    Only SQL can have written it: requests are checked.
    """


def report_unreadable_values(engine: AsyncEngine) -> None:
    """Let `engine` raise UnreadableValueError for what the driver cannot convert."""

    @event.listens_for(engine.sync_engine, "handle_error", retval=True)
    def report(context: ExceptionContext) -> UnreadableValueError | None:
        # asyncpg passes on what `datetime` and `json` raise. Parameters that do not fit are its
        # DataError.
        error = context.original_exception
        unreadable = isinstance(error, ValueError | OverflowError)
        return UnreadableValueError(str(error)) if unreadable else None


SHOW_VALUES = (DataError, PostgresSyntaxError)
"""Errors about a value that is invalid, such as a number, or a query of full-text search."""

SHOWN_VALUE = re.compile(r'(?<=: ).*|".*"', re.DOTALL)


def hide_values_in_errors(engine: AsyncEngine) -> None:
    """Let the errors of `engine` not repeat values of rows and parameters.

    They are in PostgreSQL's DETAIL, and in messages about a value that does not fit its type.
    """

    @event.listens_for(engine.sync_engine, "handle_error")
    def hide(context: ExceptionContext) -> None:
        said = context.original_exception.__cause__
        if not isinstance(said, PostgresError):
            return
        said.detail = None
        if isinstance(said, SHOW_VALUES):
            message = said.args[0]
            said.__cause__ = None  # of the driver, which could not convert the value
            for error in (said, context.original_exception, context.sqlalchemy_exception):
                if error is not None:
                    text = str(error.args[0]).replace(message, SHOWN_VALUE.sub("...", message))
                    error.args = (text, *error.args[1:])
