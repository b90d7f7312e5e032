"""The engine, and one transaction per request.

All access to the database goes through the engine that is passed to `create_app`, so tests replace
that one object and nothing else.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from starlette.requests import HTTPConnection

from app.settings import Settings

Sessionmaker = async_sessionmaker[AsyncSession]


def create_engine(settings: Settings, **options: Any) -> AsyncEngine:
    """Create the engine. It does not connect before the first statement.

    `options` are passed to `create_async_engine` and take precedence. Raises ValueError if
    `settings` has no database URL.
    """
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set: postgresql://user:password@host:port/database")
    milliseconds = round(settings.database_statement_timeout * 1000)
    defaults: dict[str, Any] = {
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": settings.database_connect_timeout,
        "pool_pre_ping": True,
        # Parameters can contain personal data, and exceptions end up in logs.
        "hide_parameters": settings.environment == "production",
        "connect_args": {
            "timeout": settings.database_connect_timeout,
            "server_settings": {
                "application_name": "app",
                "statement_timeout": str(milliseconds),
                "idle_in_transaction_session_timeout": str(milliseconds),
            },
        },
    }
    url = asyncpg_url(settings.database_url.get_secret_value())
    return create_async_engine(url, **(defaults | options))


def asyncpg_url(text: str) -> URL:
    """Parse a PostgreSQL URL as hosting providers write it.

    Raises ValueError if it is invalid. The message does not repeat the URL, because it contains a
    password.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
        raise ValueError("DATABASE_URL must look like postgresql://user:password@host:port/name")
    url = make_url(f"postgresql+asyncpg://{rest}")
    if "sslmode" in url.query:  # libpq's name for what asyncpg calls `ssl`
        mode = url.query["sslmode"]
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def create_sessionmaker(engine: AsyncEngine) -> Sessionmaker:
    """Objects stay readable after a commit; using a closed session is an error."""
    return async_sessionmaker(engine, expire_on_commit=False, close_resets_only=False)


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """A session that commits when the endpoint returns and rolls back when it raises."""
    sessions: Sessionmaker = connection.app.state.sessions
    async with sessions.begin() as session:
        yield session


# With this scope FastAPI exits the dependency, and so commits, before it sends the response: a
# failed commit becomes an error response and never follows a 201.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
