"""Lists in pages: a cursor names the last row of a page, and the next page starts behind it.

Unlike an offset it costs the same on every page and neither skips nor repeats a row when others are
written in between (keyset pagination).
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidInputError
from app.schemas import QueryParams
from app.settings import Settings

T = TypeVar("T")

LONGEST_CURSOR = 4000
"""Characters: a cursor is a part of a URL, of which many proxies let 8000 through."""


class ListQuery(QueryParams):
    """The query of a list. A resource adds `sort` and a filter a field."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=LONGEST_CURSOR)] | None = None
    sort: str = "id"


class Page(BaseModel, Generic[T]):
    """A page of a list; `next_cursor` is null on the last one."""

    model_config = ConfigDict(from_attributes=True)

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class RowPage(Generic[T]):
    """What a `Page` is read from."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Position:
    """The last row of a page: its value of the sort field, as JSON has it, and its id."""

    sort: str
    value: Any
    id: int


class Cursors:
    """Writes positions as opaque, signed text, so that a client can only hand them back."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def encode(self, position: Position) -> str:
        """Write a cursor; InvalidInputError if the value to go on from is too long for one."""
        content = [position.sort, position.value, position.id]
        payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        cursor = base64.urlsafe_b64encode(self._signature(payload) + payload).decode()
        if len(cursor) > LONGEST_CURSOR:
            name = position.sort.removeprefix("-")
            raise InvalidInputError(
                f"{name} is too long here to be sorted by, page by page.", "query", "sort"
            )
        return cursor

    def decode(self, cursor: str, sort: str) -> Position:
        """Read a cursor; InvalidInputError if it was not made here or for another sort."""
        try:
            content = base64.urlsafe_b64decode(cursor.encode())
        except ValueError:
            content = b""
        signature, payload = content[:16], content[16:]
        if not hmac.compare_digest(signature, self._signature(payload)):
            raise InvalidInputError("The cursor is not one of this list's.", "query", "cursor")
        position = Position(*json.loads(payload))
        if position.sort != sort:
            raise InvalidInputError("The cursor is of another sort.", "query", "cursor")
        return position

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, hashlib.sha256)[:16]


def get_cursors(request: Request) -> Cursors:
    settings: Settings = request.app.state.settings
    return Cursors(settings.secret_key.get_secret_value())


CursorsDep = Annotated[Cursors, Depends(get_cursors)]
