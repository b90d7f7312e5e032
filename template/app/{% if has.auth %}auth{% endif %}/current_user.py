"""Who sends a request, by the token in its header `Authorization`, or that of a WebSocket."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Security, WebSocketException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import bindparam, func, select, text, update
from starlette.requests import HTTPConnection
from starlette.status import WS_1008_POLICY_VIOLATION

from app.auth.models import Login, User
from app.auth.tokens import digest
from app.database import Sessionmaker

ADMIN = "admin"
"""The scope of those who see and change the rows of all users."""

TOKEN_PROTOCOL = "bearer."  # noqa: S105  (no token)

bearer = HTTPBearer(scheme_name="token", description="From POST /logins.", auto_error=False)


@dataclass(frozen=True)
class CurrentUser:
    id: int
    email: str
    name: str
    scopes: tuple[str, ...]

    login_id: int
    """The login whose token the request has."""

    @property
    def is_admin(self) -> bool:
        return ADMIN in self.scopes


acting: ContextVar[CurrentUser | None] = ContextVar("acting", default=None)
"""The user for whom the database is asked; None in commands, and in public endpoints."""


@contextmanager
def acting_as(user: CurrentUser) -> Iterator[None]:
    token = acting.set(user)
    try:
        yield
    finally:
        acting.reset(token)


_valid = (Login.token_hash == bindparam("hash")) & (Login.expires_at > func.now())
# Part of the same statement; it writes at most once a minute.
_note_use = (
    update(Login)
    .where(_valid, Login.last_used_at < func.now() - text("interval '1 minute'"))
    .values(last_used_at=func.now())
    .cte("note_use")
)
_find = (
    select(User.id, User.email, User.name, User.scopes, Login.id.label("login_id"))
    .join(Login, Login.user_id == User.id)
    .where(_valid)
    .add_cte(_note_use)
)


async def find_user(sessions: Sessionmaker, token: str) -> CurrentUser | None:
    """The user of a valid token. Sends one statement."""
    async with sessions.begin() as session:
        row = (await session.execute(_find, {"hash": digest(token)})).one_or_none()
    if row is None:
        return None
    return CurrentUser(row.id, row.email, row.name, tuple(row.scopes), row.login_id)


def _offered_token(connection: HTTPConnection) -> str | None:
    """A script in a browser cannot send a header with a WebSocket, but subprotocols that it offers:
    one of them may be `bearer.TOKEN`."""
    for protocol in connection.scope.get("subprotocols", ()):
        if protocol.startswith(TOKEN_PROTOCOL):
            return str(protocol.removeprefix(TOKEN_PROTOCOL))
    return None


async def authenticate(
    connection: HTTPConnection,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> AsyncIterator[CurrentUser]:
    """The user who sends the request; 401 without a valid token. `app.features` lets all
    registered routers depend on it."""
    user = None
    token = credentials.credentials if credentials is not None else _offered_token(connection)
    if token is not None:
        user = await find_user(connection.app.state.auth_sessions, token)
    if user is None:
        if connection.scope["type"] == "websocket":
            raise WebSocketException(WS_1008_POLICY_VIOLATION)
        raise HTTPException(
            401, "A valid token is required.", headers={"WWW-Authenticate": "Bearer"}
        )
    with acting_as(user):
        yield user


CurrentUserDep = Annotated[CurrentUser, Depends(authenticate)]


def require_scope(scope: str) -> Callable[[CurrentUser], Coroutine[Any, Any, None]]:
    """A dependency that refuses users without this scope with 403:
    `@router.delete(..., dependencies=[Depends(require_scope("reports"))])`."""

    async def check(user: CurrentUserDep) -> None:
        if scope not in user.scopes:
            raise HTTPException(403, f"The scope '{scope}' is required.")

    return check
