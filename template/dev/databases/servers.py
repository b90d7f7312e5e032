"""The PostgreSQL server of the tests: one for all workers of a run.

It is either an embedded one, or one of the user's own, named by TEST_DATABASE_URL.
"""

from dataclasses import dataclass

import asyncpg
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

from dev import postgres
from dev.databases.connections import connect

VARIABLE = "TEST_DATABASE_URL"

CONNECT_TIMEOUT = 5
"""Seconds for the user's own server to answer."""

OLDEST = 140000
"""The first PostgreSQL with all that the tests use of it."""


class ServerSettings(BaseSettings):
    """Read from the environment, then from the file `.env`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)

    test_database_url: SecretStr | None = None


class ServerError(Exception):
    """The user's own server cannot be used; the text says why, and what to do."""


@dataclass(frozen=True)
class Server:
    """A server on which this run makes databases of its own."""

    url: URL
    """Of a database that exists; nothing in it is touched."""

    run: str
    """Names this run of pytest, with all its workers."""

    embedded: postgres.Server | None

    def wait_until_ready(self) -> str | None:
        """Return when the server answers; the text says what was unusual.

        Raises dev.postgres.PostgresError if it did not start.
        """
        return None if self.embedded is None else self.embedded.wait_until_ready()


async def check_server(url: URL) -> str:
    """Return the version of the user's own server; raises ServerError if it cannot be used."""
    # Made by hand: a URL can hold a password in more than one place.
    host, port = url.host or url.query.get("host"), url.port or url.query.get("port", 5432)
    name = f"{VARIABLE} ({url.username}@{host}:{port}/{url.database})"
    try:
        return await _examine(url)
    except _UnfitError as reason:
        raise ServerError(f"{name} cannot be used: {reason}") from None
    except (OSError, TimeoutError, TypeError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
        raise ServerError(
            f"{name} does not answer: {str(e) or type(e).__name__}. Start that server, or unset "
            f"the variable to test on the embedded PostgreSQL."
        ) from None


class _UnfitError(Exception):
    pass


async def _examine(url: URL) -> str:
    connection = await connect(url, timeout=CONNECT_TIMEOUT)
    try:
        facts = await connection.fetchrow(
            """
            SELECT pg_is_in_recovery() AS standby, rolsuper OR rolcreatedb AS creates,
                   current_setting('server_version') AS version,
                   current_setting('server_version_num')::int AS number
            FROM pg_roles WHERE rolname = current_user
            """
        )
    finally:
        await connection.close()
    if facts["standby"]:
        raise _UnfitError("it is a standby, which is read-only. Name its primary.")
    if not facts["creates"]:
        raise _UnfitError("its role may not create databases: ALTER ROLE ... CREATEDB")
    if facts["number"] < OLDEST:
        raise _UnfitError(f"it is PostgreSQL {facts['version']}; at least 14 is needed.")
    version: str = facts["version"].partition(" ")[0]
    return version
