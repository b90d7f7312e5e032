"""Types of requests and responses, bounded as the columns that hold them are."""

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

FLOAT_DIGITS = 15  # that JSON's numbers hold exactly, as most programs read them
UNBOUNDED = Context(prec=2000)  # PostgreSQL's numeric(1000, 1000) fits


class RequestBody(BaseModel):
    """A request's body. A misspelled field is an error, not silence, and "1" is no number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class QueryParams(BaseModel):
    """A request's query, where everything is text; a misspelled field is an error here, too."""

    model_config = ConfigDict(extra="forbid")


class ReadModel(BaseModel):
    """What every resource answers with, read from the attributes of its model."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    created_at: dt.datetime
    updated_at: dt.datetime


def _written(value: object) -> object:
    """Refuse numbers, which pydantic would take for seconds since 1970."""
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be written as in 2026-01-31")
    return value


def _whole(value: object) -> object:
    """Accept 1.0, which is an integer in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


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


@dataclass(frozen=True)
class Digits:
    """A decimal as numeric(precision, scale) holds it, and always with all its places."""

    precision: int
    scale: int

    @property
    def pattern(self) -> str:
        """Of text in a request; as JSON has it, a number does as well."""
        whole = self.precision - self.scale
        before = "[0-9]{1," + str(whole) + "}" if whole else "0"
        after = r"(\.[0-9]{1," + str(self.scale) + "})?" if self.scale else ""
        return f"^-?{before}{after}$"

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        schema: CoreSchema = core_schema.decimal_schema(
            strict=False, max_digits=self.precision, decimal_places=self.scale
        )
        schema = core_schema.no_info_before_validator_function(self._check, schema)
        return core_schema.no_info_after_validator_function(self._fix, schema)

    def __get_pydantic_json_schema__(self, _: Any, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        number: JsonSchemaValue = {"type": "number"}
        if self.precision <= FLOAT_DIGITS:
            largest = float(Decimal(10**self.precision - 1).scaleb(-self.scale))
            number |= {"minimum": -largest, "maximum": largest}
        return {"anyOf": [number, {"type": "string", "pattern": self.pattern}]}

    def _check(self, value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(self.pattern, value):
            raise ValueError(f"must be a decimal number of the form {self.pattern}")
        return value

    def _fix(self, value: Decimal) -> Decimal:
        """Give it all places, as PostgreSQL does: 1.5 becomes 1.50, and -0 becomes 0.00."""
        return UNBOUNDED.plus(value.quantize(Decimal(1).scaleb(-self.scale), context=UNBOUNDED))


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _not_null(value: JsonValue) -> JsonValue:
    if value is None:
        raise ValueError("must not be null")
    return value


Id = Annotated[int, Field(ge=1, lt=2**63), BeforeValidator(_whole)]
IdPath = Annotated[int, Path(ge=1, lt=2**63)]
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31), BeforeValidator(_whole)]
Float = Annotated[float, Field(allow_inf_nan=False)]
# PostgreSQL's text cannot hold a NUL byte.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
# JSON has no such types, only text.
Date = Annotated[dt.date, Field(strict=False), BeforeValidator(_written)]
DateTime = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_written), AfterValidator(_in_utc)
]
Uuid = Annotated[UUID, Field(strict=False)]
Json = Annotated[
    JsonValue,
    AfterValidator(_storable),
    AfterValidator(_not_null),
    WithJsonSchema({"type": ["object", "array", "string", "number", "boolean"]}),
]
# Without an exponent, which many languages cannot read: "0.0000000", not "0E-7".
PlainDecimal = Annotated[
    Decimal, PlainSerializer(lambda value: f"{value:f}", return_type=str, when_used="json")
]
