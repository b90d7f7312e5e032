"""Types of requests and responses, bounded as the columns that hold them are."""

import datetime as dt
import math
from decimal import Context, Decimal
from typing import Annotated

from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

MAX_INT32 = 2**31 - 1
MAX_INT64 = 2**63 - 1
UNBOUNDED = Context(prec=2000)  # PostgreSQL's numeric(1000, 1000) fits


class Request(BaseModel):
    """A request's body or query; a misspelled field is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class Read(BaseModel):
    """What every resource answers with, read from the attributes of its model."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    created_at: dt.datetime
    updated_at: dt.datetime


def _in_utc(value: dt.datetime) -> dt.datetime:
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


def _storable(value: JsonValue) -> JsonValue:
    """Refuse what JSON as Python reads it allows and PostgreSQL's jsonb does not."""
    match value:
        case str() if "\x00" in value or _has_surrogates(value):
            raise ValueError("must hold no NUL and no lone surrogate")
        case float() if not math.isfinite(value):
            raise ValueError("must hold finite numbers only")
        case list():
            for item in value:
                _storable(item)
        case dict():
            for key, item in value.items():
                _storable(key)
                _storable(item)
    return value


def fixed(places: int) -> AfterValidator:
    """Give a decimal all its places, as PostgreSQL does: 1.5 becomes 1.50."""
    unit = Decimal(1).scaleb(-places)
    return AfterValidator(lambda value: value.quantize(unit, context=UNBOUNDED))


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _not_null(value: JsonValue) -> JsonValue:
    if value is None:
        raise ValueError("must not be null")
    return value


Id = Annotated[int, Field(ge=1, le=MAX_INT64)]
IdPath = Annotated[int, Path(ge=1, le=MAX_INT64)]
Int32 = Annotated[int, Field(ge=-MAX_INT32 - 1, le=MAX_INT32)]
Float = Annotated[float, Field(allow_inf_nan=False)]
# PostgreSQL's text cannot hold a NUL byte.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
DateTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Json = Annotated[JsonValue, AfterValidator(_storable), AfterValidator(_not_null)]
