"""Skips requests that are rejected for reasons that JSON Schema cannot express."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal, DecimalException
from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis import Case, GenerationMode, HookContext

LONGEST_QUERY = 60_000
"""Bytes. The server's parser rejects longer ones by itself, as text: h11 takes heads of 64 KiB."""


@schemathesis.hook
def filter_case(_: HookContext, case: Case[Any]) -> bool:
    if len(urlencode(case.query or {}, doseq=True, errors="replace")) > LONGEST_QUERY:
        return False
    if case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE:
        return True
    values = dict(case.query or {})
    if isinstance(case.body, dict):
        values |= case.body
    return not (
        "if-match"
        in {name.lower() for name in case.headers or {}}  # It accepts only the row's ETag.
        or "cursor" in values
        or any(is_beyond_json_schema(name, one) for name, one in each(values))
    )


def each(values: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The values by name, those of a filter by several ones singly."""
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one


def is_beyond_json_schema(name: str, value: object) -> bool:
    match name.split("_", maxsplit=1)[0]:
        case "price":
            return has_more_places(value, 2)  # `multipleOf` fails for most floats.
        case "discount":
            return has_more_places(value, 2) or is_negative_text(value)
        case "score":
            return has_more_places(value, 1) or is_beyond_ten(value)
        case "website":  # The tool does not check the format `uri` of items of a list.
            return not str(value).startswith("http")
        case (
            "maker" | "author" | "book" | "translator" | "critics" | "helpers"
        ):  # Validators compare with the nearest float.
            return isinstance(value, int) and value >= 2**63
    return False


def has_more_places(value: object, places: int) -> bool:
    return isinstance(value, float) and round(value, places) != value


def is_negative_text(value: object) -> bool:
    """A pattern cannot say so."""
    with suppress(DecimalException):
        return isinstance(value, str) and Decimal(value) < 0
    return False


def is_beyond_ten(value: object) -> bool:
    """A pattern cannot say that of a text, either."""
    with suppress(DecimalException):
        return isinstance(value, str) and not 0 <= Decimal(value) <= 10
    return False
