"""Keyset pagination: a cursor identifies the last row of a page; the next page starts after it.

Unlike an offset, a cursor costs the same on every page, and no row is skipped or repeated when
others are inserted or deleted in between.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Request
from pydantic import MISSING, BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from app.errors import InvalidInputError
from app.schemas import DateTime, QueryParams
from app.settings import Settings

T = TypeVar("T")

MAX_CURSOR_LENGTH = 5000
"""In characters. A cursor is part of a URL, and many proxies limit those to 8000.

It has room for 600 characters, which an index can hold, even if JSON escapes each of them."""

NOT_FILTERS = {"cursor", "limit", "sort"}
"""The other parameters of a list."""


class ListQuery(QueryParams):
    """The query of a list. Each resource adds the values of `sort`, and its filters."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=MAX_CURSOR_LENGTH)] | None = None
    sort: str = "id"
    created_at_from: DateTime | MISSING = MISSING
    created_at_before: DateTime | MISSING = MISSING


class Page(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` is null on the last one."""

    model_config = ConfigDict(from_attributes=True)

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class RowPage(Generic[T]):
    """A page of rows, from which a `Page` is read."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Position:
    """The last row of a page: its sort field as PostgreSQL writes it, and its id."""

    type: str
    """The type of the sort field, which a migration may change."""

    value: str | None
    id: int


class Cursors:
    """Encodes positions as opaque text, signed so that clients cannot make their own.

    A cursor is valid for one list, with the same order and filters.
    """

    def __init__(self, key: str, path: str = "") -> None:
        self._key = key.encode()
        self._path = path

    def encode(self, position: Position, query: ListQuery) -> str:
        """Return a cursor. Raises InvalidInputError if the value is too long for one."""
        payload = to_json([position.type, position.value, position.id])
        cursor = base64.urlsafe_b64encode(self._signature(payload, query) + payload).decode()
        if len(cursor) > MAX_CURSOR_LENGTH:
            name = query.sort.removeprefix("-")
            raise InvalidInputError(
                f"Cannot sort pages by {name}: a value is too long.", "query", "sort"
            )
        return cursor

    def decode(self, cursor: str, query: ListQuery, type_: str) -> Position:
        """Return the position. Raises InvalidInputError if the cursor is not one of this list with
        this sort and these filters, or the sort field has another type now."""
        try:
            content = base64.urlsafe_b64decode(cursor.encode())
        except ValueError:
            content = b""
        signature, payload = content[:16], content[16:]
        if hmac.compare_digest(signature, self._signature(payload, query)):
            position = Position(*from_json(payload))
            if position.type == type_:
                return position
        raise InvalidInputError("Invalid cursor.", "query", "cursor")

    def _signature(self, payload: bytes, query: ListQuery) -> bytes:
        order_and_filters = query.model_dump_json(exclude={"cursor", "limit"})
        signed = to_json([self._path, order_and_filters]) + payload
        return hmac.digest(self._key, signed, hashlib.sha256)[:16]


# Asynchronous, because FastAPI would run a plain function in a thread for each request.
async def get_cursors(request: Request) -> Cursors:
    settings: Settings = request.app.state.settings
    return Cursors(settings.secret_key.get_secret_value(), request.scope["path"])


CursorsDep = Annotated[Cursors, Depends(get_cursors)]
