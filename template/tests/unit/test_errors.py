"""Every error has its status, and its response is a problem."""

import json
import re
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest
from asyncpg import InvalidCachedStatementError
from fastapi import FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import Column, Index, String, Table, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm.exc import StaleDataError

from app import errors
from app.models import Base

Endpoint = Callable[[], Awaitable[None]]


async def response_of(endpoint: Endpoint, method: str = "GET") -> Response:
    app = FastAPI()
    errors.install(app)
    app.add_api_route("/", endpoint, methods=[method])
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.request(method, "/")


def raising(error: Exception) -> Endpoint:
    async def endpoint() -> None:
        raise error

    return endpoint


def raising_in(engine: AsyncEngine, sqlstate: str, using: str = "MESSAGE = 'sample'") -> Endpoint:
    statement = f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}' USING {using}; END $$"

    async def endpoint() -> None:
        async with engine.begin() as connection:
            await connection.execute(text(statement))

    return endpoint


STATUSES = {
    "22003": 422,  # numeric value out of range
    "23001": 409,  # restrict violation
    "23503": 409,  # foreign key violation
    "23505": 409,  # unique violation
    "23P01": 409,  # exclusion violation
    "23514": 422,  # check violation
    "54000": 422,  # program limit exceeded
    "40001": 409,  # serialization failure
    "40P01": 409,  # deadlock
    "08006": 503,  # connection failure
    "53300": 503,  # too many connections
    "55P03": 503,  # lock not available
    "57014": 503,  # statement timeout
    "42P01": 500,  # undefined table: a bug in the service
}


async def test_each_error_of_the_database_has_its_status(engine: AsyncEngine) -> None:
    responses = {state: await response_of(raising_in(engine, state)) for state in STATUSES}
    assert {state: response.status_code for state, response in responses.items()} == STATUSES
    types = {response.headers["content-type"] for response in responses.values()}
    assert types == {"application/problem+json"}


@pytest.mark.parametrize("sqlstate", ["42P01", "42703"])
async def test_a_missing_table_or_column_is_logged_with_what_to_do(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture, sqlstate: str
) -> None:
    response = await response_of(raising_in(engine, sqlstate))
    assert response.status_code == 500
    assert "alembic" not in response.text
    (hint,) = [message for message in caplog.messages if "alembic upgrade head" in message]
    assert "\n" not in hint


async def test_other_errors_of_the_database_do_not_suggest_a_migration(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await response_of(raising_in(engine, "XX000"))).status_code == 500
    assert "alembic" not in caplog.text


@pytest.mark.parametrize("sqlstate", ["23001", "23503"])
async def test_deleting_a_referenced_row_is_a_conflict(engine: AsyncEngine, sqlstate: str) -> None:
    response = await response_of(raising_in(engine, sqlstate), "DELETE")
    assert response.status_code == 409
    assert "still referenced" in response.json()["detail"]


@pytest.mark.parametrize("value", ["date '0044-03-15 BC'", "timestamptz '12000-01-01 00:00Z'"])
async def test_a_date_that_python_does_not_have_is_named(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    async def endpoint() -> None:
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT {value}"))

    response = await response_of(endpoint)
    assert response.status_code == 500
    assert "before the year 1 or after 9999" in response.json()["detail"]
    assert "cannot read a value that SQL has written" in caplog.text


async def test_a_violation_of_no_known_constraint_is_that_of_a_row(engine: AsyncEngine) -> None:
    response = await response_of(raising_in(engine, "23514"))
    assert response.json() == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "The database rejected a value of a row.",
        "errors": [],
        "error_count": 0,
    }


async def test_a_violation_of_no_known_constraint_names_the_table(engine: AsyncEngine) -> None:
    response = await response_of(raising_in(engine, "23514", "TABLE = 'samples', CONSTRAINT = 'a'"))
    assert response.json()["detail"] == "The database rejected a value of samples."


@pytest.mark.parametrize(
    ("expression", "named"),
    [("name", "samples.name"), (text("lower(name)"), "samples")],
    ids=["of a column", "of SQL"],
)
async def test_a_violated_unique_index_names_its_columns(
    engine: AsyncEngine, expression: str | TextClause, named: str
) -> None:
    index = Index("ux_samples", expression, unique=True)
    table = Table("samples", Base.metadata, Column("name", String), index)
    using = f"TABLE = '{table.name}', CONSTRAINT = '{index.name}'"
    try:
        response = await response_of(raising_in(engine, "23505", using))
    finally:
        Base.metadata.remove(table)
    assert response.json()["detail"] == f"Duplicate value for {named}."


async def test_a_row_that_another_one_excludes_is_a_conflict(engine: AsyncEngine) -> None:
    response = await response_of(raising_in(engine, "23P01", "TABLE = 'bookings'"))
    assert response.status_code == 409
    assert response.json()["detail"] == "A value of bookings conflicts with another row."


async def test_a_row_that_changed_concurrently_is_a_conflict() -> None:
    assert (await response_of(raising(StaleDataError()))).status_code == 409


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError, TimeoutError, socket.gaierror, PoolTimeoutError],
    ids=["refused", "timeout", "no address", "pool"],
)
async def test_an_unreachable_server_is_503_with_retry_after_and_logged(
    error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    response = await response_of(raising(error("127.0.0.1 refused")))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "127.0.0.1" not in response.text
    assert "unavailable: 127.0.0.1 refused" in caplog.text


async def test_a_lost_connection_is_503() -> None:
    error = DBAPIError("SELECT 1", {}, Exception("closed"), connection_invalidated=True)
    assert (await response_of(raising(error))).status_code == 503


async def test_a_statement_that_a_migration_has_outdated_is_503() -> None:
    cause = Exception("the driver's error, as SQLAlchemy shows it")
    cause.__cause__ = InvalidCachedStatementError("cached statement plan is invalid")
    assert (await response_of(raising(DBAPIError("SELECT 1", {}, cause)))).status_code == 503


async def test_an_unexpected_error_reveals_no_internals() -> None:
    response = await response_of(raising(RuntimeError("the password is hunter2")))
    assert response.status_code == 500
    assert "hunter2" not in response.text


async def test_the_headers_of_an_error_are_those_of_its_response() -> None:
    response = await response_of(raising(HTTPException(401, headers={"WWW-Authenticate": "Basic"})))
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Basic")


async def test_a_message_may_repeat_what_utf_8_cannot_express() -> None:
    response = await response_of(raising(errors.ConflictError("\ud800")))
    assert response.json()["detail"] == "\ud800"


def test_the_text_of_an_error_is_its_message() -> None:
    assert str(errors.InvalidInputError("Wrong.", "query", "sort")) == "Wrong."


@pytest.mark.parametrize(
    ("methods", "allowed"),
    [
        (["GET"], "HEAD, GET"),
        (["POST", "PUT"], "POST, PUT"),
        (["DELETE", "GET"], "HEAD, GET, DELETE"),
        (["PATCH"], "PATCH"),
    ],
)
async def test_another_method_is_405_with_those_of_all_routes_of_the_path(
    methods: list[str], allowed: str
) -> None:
    async def endpoint() -> None:
        pass

    app = FastAPI()
    errors.install(app)
    for method in methods:
        app.add_api_route("/", endpoint, methods=[method])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
        response = await client.options("/")
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed


def test_openapi_defines_every_schema_that_it_references(app: FastAPI) -> None:
    document = app.openapi()
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert {"Problem", "InvalidInput"} <= references <= document["components"]["schemas"].keys()


async def test_invalid_values_are_described_up_to_a_limit_and_counted() -> None:
    async def endpoint(body: dict[str, int]) -> None:
        pass

    app = FastAPI()
    errors.install(app)
    app.add_api_route("/", endpoint, methods=["POST"])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service") as client:
        response = await client.post("/", json=dict.fromkeys(map(str, range(300)), "x"))
    assert response.status_code == 422
    assert len(response.json()["errors"]) == errors.MAX_ERRORS
    assert response.json()["error_count"] == 300
