"""Headers as the server passes them on: bytes, with names in lower case.

Starlette's `Headers` decodes every name and value for each look, and most requests have none of
those that middleware asks for.
"""

from collections.abc import Mapping
from typing import Any


def first_header(message: Mapping[str, Any], name: bytes) -> bytes:
    """The first value of the header in a scope or in the start of a response; empty if there is
    none."""
    for key, value in message["headers"]:
        if key == name:
            found: bytes = value
            return found
    return b""
