"""Headers as the server passes them on: bytes, with names in lower case.

Starlette's `Headers` decodes names and values at each lookup, while most requests have none of the
headers that middleware looks for.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def first_header(message: Mapping[str, Any], name: bytes) -> bytes:
    """The value of the first header of this name, in a scope or in the start of a response; empty
    if there is none."""
    headers: Iterable[tuple[bytes, bytes]] = message["headers"]
    for key, value in headers:
        if key == name:
            return value
    return b""
