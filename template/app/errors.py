"""Error responses: every error is returned as problem+json (RFC 9457)."""

import json
import logging
import socket
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from asyncpg import InvalidCachedStatementError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Constraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.database_connections import reason_of
from app.database_values import UnreadableValueError
from app.models import Base

MEDIA_TYPE = "application/problem+json"
COMPONENT = "#/components/schemas/{model}"
MAX_ERRORS = 20
"""A problem describes this many invalid values, and only counts the others."""
HIDDEN = "hidden"
"""Marks a column (`info`) that clients do not know; no message names it."""

UNDEFINED = ("42P01", "42703")  # a table, a column
MISSING_MIGRATION = (
    "The database has no such table or column: is a migration missing, or not applied? "
    "`alembic upgrade head` applies those that there are."
)

logger = logging.getLogger(__name__)


class InvalidInput(BaseModel):
    """An invalid value in a request: its location, and what is wrong with it."""

    loc: list[str | int]
    detail: str


class Problem(BaseModel):
    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[InvalidInput] = []
    error_count: int = 0


class ServiceError(Exception):
    """An error that is reported to the client; `detail` is the message."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFoundError(ServiceError):
    status = HTTPStatus.NOT_FOUND


class ConflictError(ServiceError):
    status = HTTPStatus.CONFLICT


class PreconditionFailedError(ServiceError):
    status = HTTPStatus.PRECONDITION_FAILED


class UnavailableError(ServiceError):
    status = HTTPStatus.SERVICE_UNAVAILABLE


class InvalidInputError(ServiceError):
    """A value that matches its schema but cannot be used; `loc` is its location."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, detail: str, *loc: str) -> None:
        super().__init__(detail)
        self.loc = loc


class ProblemResponse(JSONResponse):
    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        # A message can repeat client input with lone surrogates, which only ASCII can escape.
        return json.dumps(content, ensure_ascii=True).encode()


def problem_response(
    status: int,
    detail: str,
    errors: list[InvalidInput] | None = None,
    error_count: int | None = None,
    headers: dict[str, str] | None = None,
) -> ProblemResponse:
    errors = errors or []
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=errors,
        error_count=len(errors) if error_count is None else error_count,
    )
    return ProblemResponse(body.model_dump(), status_code=status, headers=headers)


def problem_docs(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that can return these errors, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": COMPONENT.format(model="Problem")}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def _with_problems(openapi: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Add the schemas that `problem_docs` references, which FastAPI does not know."""
    document = openapi()
    schema = Problem.model_json_schema(ref_template=COMPONENT)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components |= schema.pop("$defs") | {"Problem": schema}
    return document


def install(app: FastAPI) -> None:
    """Return a problem for every exception in `app`, and describe problems in its OpenAPI."""
    app.openapi = partial(_with_problems, app.openapi)  # type: ignore[method-assign]
    app.exception_handler(ServiceError)(on_service_error)
    app.exception_handler(HTTPException)(on_http_exception)
    app.exception_handler(RequestValidationError)(on_invalid_request)
    app.exception_handler(DBAPIError)(on_database_error)
    app.exception_handler(StaleDataError)(on_stale_row)
    app.exception_handler(UnreadableValueError)(on_unreadable_value)
    for unreachable in (ConnectionError, TimeoutError, socket.gaierror, PoolTimeoutError):
        app.exception_handler(unreachable)(on_unreachable)
    app.exception_handler(Exception)(on_unexpected)


async def on_service_error(_: Request, error: ServiceError) -> ProblemResponse:
    invalid = (
        [InvalidInput(loc=list(error.loc), detail=error.detail)]
        if isinstance(error, InvalidInputError)
        else []
    )
    return problem_response(error.status, error.detail, invalid)


async def on_http_exception(request: Request, error: HTTPException) -> ProblemResponse:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return problem_response(error.status_code, str(error.detail), headers=headers)


async def on_invalid_request(_: Request, error: RequestValidationError) -> ProblemResponse:
    found = error.errors()
    invalid = [
        InvalidInput(loc=list(item["loc"]), detail=item["msg"]) for item in found[:MAX_ERRORS]
    ]
    return problem_response(422, "The request does not match its schema.", invalid, len(found))


async def on_stale_row(_: Request, __: Exception) -> ProblemResponse:
    return problem_response(409, "The row was changed or deleted by another request.")


async def on_unreadable_value(_: Request, error: Exception) -> ProblemResponse:
    logger.error("cannot read a value that SQL has written: %s", error)
    detail = (
        "The database holds a date or time before the year 1 or after 9999, or a number that is "
        "NaN, infinite or too long."
    )
    return problem_response(500, detail)


async def on_unreachable(_: Request, error: Exception) -> ProblemResponse:
    logger.error("unavailable: %s", reason_of(error))
    detail = "The service is temporarily unavailable; try again later."
    return problem_response(503, detail, headers={"Retry-After": "5"})


async def on_unexpected(_: Request, error: Exception) -> ProblemResponse:
    if isinstance(error, DBAPIError) and _sqlstate(error) in UNDEFINED:
        logger.error(MISSING_MIGRATION)
    # The server logs the exception, and closes the connection. The client must not see the first,
    # which may reveal internals, and must know the second, or its next request is lost.
    return problem_response(500, "An unexpected error occurred.", headers={"Connection": "close"})


async def on_database_error(request: Request, error: DBAPIError) -> ProblemResponse:
    """Report what the client can fix; everything else is a 500."""
    sqlstate = _sqlstate(error)
    match sqlstate[:2], sqlstate:
        case _, "23505":  # unique_violation
            return problem_response(409, f"Duplicate value for {_columns_of(error)}.")
        case _, "23001" | "23503" if request.method == "DELETE":  # restrict, foreign key
            return problem_response(409, f"The row is still referenced by {_columns_of(error)}.")
        case _, "23001" | "23503":
            return problem_response(
                409, f"{_columns_of(error)} references a row that does not exist."
            )
        case _, "23P01":  # exclusion_violation
            detail = f"A value of {_columns_of(error)} conflicts with another row."
            return problem_response(409, detail)
        case "22" | "23" | "54", _:  # a value that violates its type, a constraint or a limit
            return problem_response(422, f"The database rejected a value of {_columns_of(error)}.")
        case "40", _:  # deadlock, serialization failure
            return problem_response(409, "The request conflicted with another one; try again.")
        case ("08" | "53" | "57", _) | (_, "55P03"):  # connection, resources, operator, lock
            return await on_unreachable(request, error)
    if error.connection_invalidated or _is_outdated(error):
        return await on_unreachable(request, error)
    raise error


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _is_outdated(error: DBAPIError) -> bool:
    """Whether a migration has changed a table since the statement was prepared. It is prepared
    again the next time."""
    return isinstance(error.orig and error.orig.__cause__, InvalidCachedStatementError)


def _methods(request: Request) -> list[str]:
    """The methods that the path allows; Starlette lists only those of its first route."""
    allowed = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    ]
    return ["HEAD", *allowed] if "GET" in allowed else allowed


def _columns_of(error: DBAPIError) -> str:
    """The columns of the violated constraint or unique index, or the table if the models have none
    of this name."""
    cause = error.orig and error.orig.__cause__
    table: str = getattr(cause, "table_name", None) or "a row"
    violated = _violated(getattr(cause, "constraint_name", None))
    if not isinstance(violated, UniqueConstraint | ForeignKeyConstraint | Index):
        return table
    shown = [column for column in violated.columns if not column.info.get(HIDDEN)]
    return ", ".join(f"{column.table.name}.{column.name}" for column in shown) or table


def _violated(name: str | None) -> Constraint | Index | None:
    for table in Base.metadata.tables.values():
        known: set[Constraint | Index] = {*table.constraints, *table.indexes}
        for item in known:
            if item.name == name:
                return item
    return None
