"""ETags: which state of a row a client has seen, so that it overwrites no other one.

`If-Match` on PATCH and DELETE makes a request fail with 412 if the row has changed in the meantime;
`If-None-Match` on GET saves sending what the client has (304).
"""

import hashlib
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel

from app.errors import PreconditionFailedError

T = TypeVar("T")

IfMatch = Annotated[
    str | None,
    Header(description="The ETag of the state to change; 412 if the row has another state now."),
]
IfNoneMatch = Annotated[
    str | None,
    Header(description="The ETag of the state that the client has; 304 if it is still that."),
]

# RFC 9110, section 8.8.3. A weak ETag has the prefix W/.
ETAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def docs(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that have an ETag with these statuses, for OpenAPI."""
    header = {"description": "The state of the row.", "schema": {"type": "string"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "headers": {"ETag": header}}
        for status in statuses
    }


def etag(row: object, schema: type[BaseModel]) -> str:
    """The ETag of a row as `schema` shows it: a digest, which changes with everything shown."""
    shown = schema.model_validate(row).model_dump_json()
    return f'"{hashlib.sha256(shown.encode()).hexdigest()[:32]}"'


def unless_known(
    row: T, schema: type[BaseModel], if_none_match: str | None, response: Response
) -> T | Response:
    """Return the row with its ETag in `response`, or a 304 if the client has this state."""
    current = response.headers["ETag"] = etag(row, schema)
    # For a GET, a weak ETag is as good: RFC 9110, section 13.1.2.
    if if_none_match is not None and _matches(if_none_match, current, weakly=True):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": current})
    return row


def require(if_match: str | None, schema: type[BaseModel]) -> Callable[[object], None]:
    """Return a check of a row: it raises PreconditionFailedError unless `If-Match` has its ETag."""

    def check(row: object) -> None:
        if if_match is None:
            return
        current = etag(row, schema)
        if _matches(if_match, current):
            return
        # RFC 9110, section 13.1.1.
        if _matches(if_match, current, weakly=True):
            raise PreconditionFailedError("If-Match must have a strong ETag, without W/.")
        raise PreconditionFailedError("The row has changed since it was read.")

    return check


def _matches(header: str, current: str, *, weakly: bool = False) -> bool:
    if header.strip() == "*":
        return True
    return any(tag == current and (weakly or not weak) for weak, tag in ETAG.findall(header))
