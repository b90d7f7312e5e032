"""The server of TEST_DATABASE_URL, which replaces the embedded one."""

import asyncpg
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from dev.databases.connections import connect

CONNECT_TIMEOUT = 20
"""Seconds that the server has to answer."""

MIN_VERSION = 14
"""The oldest major version of PostgreSQL with all the features that the tests use."""


class ExternalServerSettings(BaseSettings):
    """Read from the environment, then from the file `.env` of the project (`_env_file`)."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    test_database_url: SecretStr | None = None


class ExternalServerError(Exception):
    """The server of TEST_DATABASE_URL cannot be used; the message says why, and what to do."""


async def check_server(url: URL) -> str:
    """Return the server's version; raises ExternalServerError if the tests cannot use it."""
    # Not the URL itself: it can hold a password in more than one place.
    host, port = url.host or url.query.get("host"), url.port or url.query.get("port", 5432)
    name = f"TEST_DATABASE_URL ({url.username}@{host}:{port}/{url.database})"
    try:
        return await _check(url)
    except _UnsuitableError as reason:
        raise ExternalServerError(f"{name} cannot be used: {reason}") from None
    except (OSError, TimeoutError, TypeError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
        raise ExternalServerError(
            f"{name} does not answer: {str(e) or type(e).__name__}. Start that server, or unset "
            "the variable to run the tests on the embedded PostgreSQL."
        ) from None


class _UnsuitableError(Exception):
    pass


async def _check(url: URL) -> str:
    connection = await connect(url, timeout=CONNECT_TIMEOUT)
    try:
        [server] = await connection.fetch(
            """
            SELECT pg_is_in_recovery() AS is_standby, rolsuper OR rolcreatedb AS can_create,
                   current_setting('server_version') AS version
            FROM pg_roles WHERE rolname = current_user
            """
        )
    finally:
        await connection.close()
    if server["is_standby"]:
        raise _UnsuitableError("it is a standby, which is read-only. Use the URL of its primary.")
    if not server["can_create"]:
        raise _UnsuitableError("its role may not create databases: ALTER ROLE ... CREATEDB")
    if connection.get_server_version().major < MIN_VERSION:
        raise _UnsuitableError(
            f"it is PostgreSQL {server['version']}; the oldest supported version is {MIN_VERSION}."
        )
    version: str = server["version"].partition(" ")[0]
    return version
