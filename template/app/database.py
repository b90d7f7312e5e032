"""The engine, and the sessions of requests: one transaction each, or none if they only read.

All access to the database goes through the engine that is passed to `create_app`, so tests replace
that one object and nothing else.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import URL, Connection, Engine, UpdateBase, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from app.database_connections import (
    notice_lost_hosts,
    replace_lost_connections,
    report_failed_connects,
)
from app.database_url import parse_database_url
from app.database_values import hide_values_in_errors, report_unreadable_values
from app.settings import DatabaseSettings

Sessionmaker = async_sessionmaker[AsyncSession]


def create_engine(settings: DatabaseSettings, **options: Any) -> AsyncEngine:
    """Create the engine. It does not connect before the first statement.

    `options` are passed to `create_async_engine` and take precedence. Raises ValueError if
    `settings` has no database URL.
    """
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set: postgresql://user:password@host:port/database")
    address = parse_database_url(settings.database_url.get_secret_value())
    timeouts = _timeouts(settings)
    connect_args: dict[str, Any] = {
        "timeout": address.connect_timeout or settings.database_connect_timeout
    }
    if settings.database_pooler is None:
        name = address.application_name or "app"
        connect_args["server_settings"] = {"application_name": name, **timeouts}
    else:
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    defaults: dict[str, Any] = {
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_max_overflow,
        "pool_timeout": settings.database_connect_timeout,
        "pool_use_lifo": True,
        # Parameters can contain personal data, and exceptions end up in logs.
        "hide_parameters": settings.environment == "production",
        "connect_args": connect_args,
    }
    engine = create_async_engine(address.url, **(defaults | options))
    report_failed_connects(engine)
    notice_lost_hosts(engine)
    replace_lost_connections(engine, behind_pooler=settings.database_pooler is not None)
    report_unreadable_values(engine)
    if engine.sync_engine.hide_parameters:
        hide_values_in_errors(engine)
    if settings.database_pooler is not None:
        _set_in_each_transaction(engine, timeouts)
    return engine


def _timeouts(settings: DatabaseSettings) -> dict[str, str]:
    """PostgreSQL's parameters, in milliseconds."""
    seconds = {
        "statement_timeout": settings.database_statement_timeout,
        "lock_timeout": settings.database_lock_timeout,
        "idle_in_transaction_session_timeout": settings.database_statement_timeout,
    }
    # 0 would mean no limit.
    return {name: str(max(1, round(value * 1000))) for name, value in seconds.items()}


def _set_in_each_transaction(engine: AsyncEngine, parameters: dict[str, str]) -> None:
    """Set parameters as SET LOCAL does, in one statement."""
    values = (f"set_config('{name}', '{value}', true)" for name, value in parameters.items())
    statement = f"SELECT {', '.join(values)}"

    @event.listens_for(engine.sync_engine, "begin")
    def set_parameters(connection: Connection) -> None:
        connection.exec_driver_sql(statement)


def for_reading(engine: AsyncEngine, settings: DatabaseSettings) -> AsyncEngine:
    """The same connections, each of whose statements is a transaction of its own.

    A pooler in transaction mode must not get such statements: it may pass on the two messages of
    one to different servers. There, reads have transactions, too.
    """
    if settings.database_pooler is not None:
        return engine
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def asyncpg_url(text: str) -> URL:
    """The URL for SQLAlchemy of one as hosting providers write it; see `app.database_url`."""
    return parse_database_url(text).url


class WriteSession(AsyncSession):
    """Closes at once when its transaction has ended.

    SQLAlchemy closes each session in a task, so that no cancellation interrupts it. After a commit,
    the connection is back in the pool, and there is nothing to interrupt.
    """

    async def __aexit__(self, *error: object) -> None:
        if self.in_transaction():
            await super().__aexit__(*error)
        else:
            self.sync_session.close()


def create_sessionmaker(engine: AsyncEngine) -> Sessionmaker:
    """Objects stay readable after a commit; using a closed session is an error."""
    return async_sessionmaker(
        engine, class_=WriteSession, expire_on_commit=False, close_resets_only=False
    )


class ReadSession(Session):
    """Refuses to write, because nothing could be rolled back."""

    def get_bind(self, *args: Any, clause: Any = None, **options: Any) -> Engine | Connection:
        if self._flushing or isinstance(clause, UpdateBase):
            raise InvalidRequestError("This session only reads. Use SessionDep to write.")
        return super().get_bind(*args, clause=clause, **options)


def create_read_sessionmaker(
    engine: AsyncEngine, settings: DatabaseSettings, *, in_transactions: bool = False
) -> Sessionmaker:
    """Sessions in which each statement is a transaction of its own, so that a read is one round
    trip to the database instead of three.

    With READ COMMITTED, PostgreSQL's default, reads see the same as in a common transaction.
    They have one nevertheless with `in_transactions`, for what is set at its beginning.
    """
    engine = engine if in_transactions else for_reading(engine, settings)
    return async_sessionmaker(engine, sync_session_class=ReadSession, close_resets_only=False)


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """A session that commits when the endpoint returns and rolls back when it raises."""
    sessions: Sessionmaker = connection.app.state.sessions
    # Does what `sessions.begin()` does, without the task for its end, which takes 60 µs.
    async with sessions(autobegin=False) as session:
        session.sync_session.begin()  # sends nothing
        yield session
        if session.in_transaction():
            await session.commit()


# With this scope FastAPI exits the dependency, and so commits, before it sends the response: a
# failed commit becomes an error response and never follows a 201.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def get_read_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    sessions: Sessionmaker = connection.app.state.read_sessions
    async with sessions() as session:
        yield session


# For requests that only read. Use SessionDep for what must outlast a statement: locks (FOR UPDATE),
# SET LOCAL, streamed results, or several reads in a REPEATABLE READ transaction.
ReadSessionDep = Annotated[AsyncSession, Depends(get_read_session, scope="function")]
