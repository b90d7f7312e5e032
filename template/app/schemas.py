"""Types of the fields of requests and responses, with the limits of their columns."""

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Annotated, Any, TypeVar
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
    HttpUrl,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    UrlConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from starlette.convertors import Convertor, register_url_convertor

from app.database_values import UnreadableValueError

FLOAT_DIGITS = 15  # significant decimal digits that a 64-bit float preserves
FIRST_MOMENT = dt.datetime.min.replace(tzinfo=dt.UTC)
LAST_MOMENT = dt.datetime.max.replace(tzinfo=dt.UTC)
MAX_MAILBOX, MAX_EMAIL = 64, 254  # characters of an address, by the limits of SMTP
MAX_SENT_URL, MAX_URL = 2000, 2083  # its normal form may be longer: %C3%BC for ü
# The usual form of RFC 5322, without quotes and comments, at a domain with a dot. Mail programs
# would decode what begins with =? (RFC 2047).
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = rf"(?!=\?){ATOM}(\.{ATOM})*@({LABEL}\.)+[A-Za-z]{LABEL}"
UNBOUNDED = Context(prec=2000)  # enough for PostgreSQL's numeric(1000, 1000)

T = TypeVar("T")
DayT = TypeVar("DayT", dt.date, dt.datetime)


class RequestBody(BaseModel):
    """The body of a request. Unknown fields are rejected, and "1" is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class QueryParams(BaseModel):
    """The query of a request, where all values are text. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


class ReadModel(BaseModel):
    """The response for a row, read from the attributes of its model."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    created_at: dt.datetime
    updated_at: dt.datetime


class DigitsConvertor(Convertor[str]):
    """The id in `/items/{id:digits}`: no word, so that `/items/search` is free for an endpoint.

    It stays text, because Starlette's `int` raises ValueError for more digits than Python converts.
    """

    regex = "[0-9]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: int | str) -> str:
        return str(value)


register_url_convertor("digits", DigitsConvertor())


def _require_iso_date(value: object) -> object:
    """Reject numbers, which pydantic would read as seconds since 1970."""
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be in ISO 8601 format, such as 2026-01-31")
    return value


def _accept_whole_float(value: object) -> object:
    """Accept 1.0, which is an integer in JSON, but no float that stands for several integers."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _as_email(value: str) -> str:
    """Return the address with its domain in lower case; in a domain the case means nothing."""
    mailbox, _, domain = value.rpartition("@")
    if not re.fullmatch(EMAIL, value) or len(mailbox) > MAX_MAILBOX:
        raise ValueError("must be an e-mail address, such as ada@example.com")
    return f"{mailbox}@{domain.lower()}"


def _as_text(url: HttpUrl) -> str:
    text = str(url)
    if len(text) > MAX_URL:
        raise ValueError(f"must be at most {MAX_URL} characters long")
    return text


def _to_utc(value: dt.datetime) -> dt.datetime:
    try:
        value = value.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("must be between the years 1 and 9999 in UTC") from None
    return _require_finite(value, FIRST_MOMENT, LAST_MOMENT)


def _require_finite(value: DayT, first: DayT, last: DayT) -> DayT:
    """Reject what asyncpg stores as `-infinity` and `infinity`."""
    if not first < value < last:
        raise ValueError(f"must be later than {first.isoformat()} and before {last.isoformat()}")
    return value


def _as_jsonb(value: JsonValue) -> JsonValue:
    """Return what PostgreSQL's jsonb makes of the value, so that every answer shows the same.

    Rejects what Python's JSON parser accepts and jsonb does not.
    """
    match value:
        case str() if "\x00" in value or _has_surrogates(value):
            raise ValueError("must not contain NUL or lone surrogates")
        case float():
            return _as_numeric(value)
        case list():
            return [_as_jsonb(item) for item in value]
        case dict():
            for key in value:
                _as_jsonb(key)
            # Shorter keys come first, by their length in bytes.
            keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
            return {key: _as_jsonb(value[key]) for key in keys}
    return value


def _as_numeric(value: float) -> float | int:
    """The number as PostgreSQL's numeric writes it: 0.0 for -0.0, and no exponent in 1e+30."""
    if not math.isfinite(value):
        raise ValueError("must contain only finite numbers")
    return int(Decimal(repr(value))) if "e+" in repr(value) else value + 0.0


class HttpAddress:
    """The text of a URL that pydantic accepts as HttpUrl, in its normal form."""

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        url = handler.generate_schema(Annotated[HttpUrl, UrlConstraints(max_length=MAX_SENT_URL)])
        text = core_schema.to_string_ser_schema()
        return core_schema.no_info_after_validator_function(_as_text, url, serialization=text)


@dataclass(frozen=True)
class Digits:
    """A decimal that fits numeric(precision, scale), always with all its decimal places."""

    precision: int
    scale: int
    ge: Decimal | None = None
    le: Decimal | None = None

    @property
    def pattern(self) -> str:
        """For a decimal that a request holds as text; a JSON number is accepted as well."""
        whole = self.precision - self.scale
        before = "[0-9]{1," + str(whole) + "}" if whole else "0"
        after = r"(\.[0-9]{1," + str(self.scale) + "})?" if self.scale else ""
        return f"^-?{before}{after}$"

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        schema: CoreSchema = core_schema.decimal_schema(
            strict=False,
            max_digits=self.precision,
            decimal_places=self.scale,
            ge=self.ge,
            le=self.le,
        )
        schema = core_schema.no_info_before_validator_function(self._require_exact, schema)
        return core_schema.no_info_after_validator_function(self._add_places, schema)

    def __get_pydantic_json_schema__(self, _: Any, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        number: JsonSchemaValue = {"type": "number"}
        if self.precision <= FLOAT_DIGITS:
            largest = float(Decimal(10**self.precision - 1).scaleb(-self.scale))
            number |= {"minimum": -largest, "maximum": largest}
        number |= {} if self.ge is None else {"minimum": float(self.ge)}
        number |= {} if self.le is None else {"maximum": float(self.le)}
        return {"anyOf": [number, {"type": "string", "pattern": self.pattern}]}

    def _require_exact(self, value: object) -> object:
        """Reject what is not as it was sent: a float as large as this has lost decimal places."""
        if isinstance(value, str) and not re.fullmatch(self.pattern, value):
            raise ValueError(f"must be a decimal number that matches {self.pattern}")
        if isinstance(value, float) and math.isfinite(value) and math.ulp(value) > 10**-self.scale:
            raise ValueError("must be sent as text, which keeps all digits")
        # pydantic would count a digit before the point, where this column has none.
        if self.precision == self.scale and str(value) in ("0", "-0"):
            return "0.0"
        return value

    def _add_places(self, value: Decimal) -> Decimal:
        """Return what PostgreSQL stores: 1.50 for 1.5, and 0.00 for -0."""
        return UNBOUNDED.plus(value.quantize(Decimal(1).scaleb(-self.scale), context=UNBOUNDED))


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _require_number(value: object) -> object:
    """Report what PostgreSQL has among its decimals, and JSON has not."""
    if isinstance(value, Decimal) and not value.is_finite():
        raise UnreadableValueError(f"{value} is not a number in JSON")
    return value


def _require_not_null(value: JsonValue) -> JsonValue:
    if value is None:
        raise ValueError("must not be null")
    return value


WholeNumber = BeforeValidator(_accept_whole_float)
Id = Annotated[int, Field(ge=1, lt=2**63), WholeNumber]
IdPath = Annotated[int, Path(ge=1, lt=2**63)]
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31), WholeNumber]
Float = Annotated[float, Field(allow_inf_nan=False)]
# PostgreSQL's text cannot hold a NUL byte.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Email = Annotated[
    str,
    Field(max_length=MAX_EMAIL, json_schema_extra={"format": "email", "pattern": f"^{EMAIL}$"}),
    AfterValidator(_as_email),
]
Url = Annotated[str, HttpAddress()]
# A parameter of a query that may be repeated, as in ?state=new&state=paid.
AnyOf = Annotated[list[T], Field(min_length=1, max_length=20)]
# JSON has no such types: they are sent as text.
Date = Annotated[
    dt.date,
    Field(strict=False),
    BeforeValidator(_require_iso_date),
    AfterValidator(lambda value: _require_finite(value, dt.date.min, dt.date.max)),
]
DateTime = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_require_iso_date), AfterValidator(_to_utc)
]
Uuid = Annotated[UUID, Field(strict=False)]
Json = Annotated[
    JsonValue,
    AfterValidator(_as_jsonb),
    AfterValidator(_require_not_null),
    # Generated clients need to be told that an array and an object may contain anything.
    WithJsonSchema(
        {
            "type": ["object", "array", "string", "number", "boolean"],
            "items": {},
            "additionalProperties": True,
        }
    ),
]
# Without an exponent, which many languages cannot parse: "0.0000000", not "0E-7".
PlainDecimal = Annotated[
    Decimal,
    BeforeValidator(_require_number),
    PlainSerializer(lambda value: f"{value:f}", return_type=str, when_used="json"),
]
