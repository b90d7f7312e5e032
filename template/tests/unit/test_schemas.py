"""Request fields accept what their columns can store, and nothing else."""

import datetime as dt
import json
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from app import schemas
from app.database_values import UnreadableValueError

DATE = TypeAdapter[Any](schemas.Date)
DATE_TIME = TypeAdapter[Any](schemas.DateTime)
EMAIL = TypeAdapter[Any](schemas.Email)
INTEGER = TypeAdapter[Any](schemas.Int32)
FLOAT = TypeAdapter[Any](schemas.Float)
FRACTION = TypeAdapter[Any](Annotated[Decimal, schemas.Digits(3, 3)])
JSON = TypeAdapter[Any](schemas.Json)
PLAIN_DECIMAL = TypeAdapter[Any](schemas.PlainDecimal)
PRICE = TypeAdapter[Any](Annotated[Decimal, schemas.Digits(10, 2)])
URL = TypeAdapter[Any](schemas.Url)
HOME = "https://example.com/"
DISCOUNT = TypeAdapter[Any](
    Annotated[Decimal, schemas.Digits(5, 2, ge=Decimal(0), le=Decimal("99.5"))]
)


class Body(schemas.RequestBody):
    number: schemas.Int32 = 0
    price: Annotated[Decimal, schemas.Digits(10, 2)] = Decimal(0)
    date: schemas.Date | None = None
    moment: schemas.DateTime | None = None
    uuid: schemas.Uuid | None = None


class Query(schemas.QueryParams):
    number: schemas.Int32 = 0


def test_only_what_json_has_no_type_for_is_text() -> None:
    text = {"price": "1.50", "date": "2026-01-31", "moment": "2026-01-31T12:00:00Z"}
    body = Body.model_validate(text | {"uuid": str(UUID(int=7))})
    assert (body.price, body.date, body.uuid) == (
        Decimal("1.50"),
        dt.date(2026, 1, 31),
        UUID(int=7),
    )
    with pytest.raises(ValidationError):
        Body.model_validate({"number": "1"})
    assert Query.model_validate({"number": "1"}).number == 1


@pytest.mark.parametrize("model", [Body, Query])
def test_an_unknown_field_is_rejected(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate({"unknown": 1})


def test_a_date_is_accepted_as_text_but_not_as_a_number() -> None:
    assert DATE.validate_python("2024-02-29") == dt.date(2024, 2, 29)
    with pytest.raises(ValidationError):
        DATE.validate_python(0)


def test_an_integer_may_have_a_zero_fraction() -> None:
    assert INTEGER.validate_python(1.0) == 1
    with pytest.raises(ValidationError):
        INTEGER.validate_python(1.5)


@pytest.mark.parametrize(
    ("sent", "stored"), [("9007199254740991.0", 2**53 - 1), ("9007199254740993.0", None)]
)
def test_an_integer_is_stored_as_it_was_sent_or_rejected(sent: str, stored: int | None) -> None:
    identifier = TypeAdapter[Any](schemas.Id)
    if stored is None:
        with pytest.raises(ValidationError, match="valid integer"):
            identifier.validate_python(json.loads(sent), strict=True)
    else:
        assert identifier.validate_python(json.loads(sent), strict=True) == stored


def test_a_datetime_is_converted_to_utc() -> None:
    moment = DATE_TIME.validate_python("2024-02-29T12:30:00+02:00")
    assert moment.isoformat() == "2024-02-29T10:30:00+00:00"


@pytest.mark.parametrize("value", ["2024-02-29T12:30:00", "0001-01-01T00:00:00+02:00"])
def test_a_datetime_that_has_no_utc_equivalent_is_rejected(value: str) -> None:
    with pytest.raises(ValidationError):
        DATE_TIME.validate_python(value)


@pytest.mark.parametrize("value", ["0001-01-01", "9999-12-31"])
def test_a_date_that_would_be_stored_as_infinity_is_rejected(value: str) -> None:
    with pytest.raises(ValidationError):
        DATE.validate_python(value)


@pytest.mark.parametrize(
    "value",
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T22:59:59.999999-01:00"],
)
def test_a_datetime_that_would_be_stored_as_infinity_is_rejected(value: str) -> None:
    with pytest.raises(ValidationError):
        DATE_TIME.validate_python(value)


def test_json_is_returned_as_postgresql_stores_it() -> None:
    value = {"longer": 1e30, "z": [-0.0, 1e-7], "a": {"é": 1, "zz": 2}}
    stored = '{"a": {"zz": 2, "é": 1}, "z": [0.0, 1e-07], "longer": 1' + "0" * 30 + "}"
    assert json.dumps(JSON.validate_python(value), ensure_ascii=False) == stored


def test_json_values_of_all_types_may_be_nested() -> None:
    value = {"a": [1, 2.5, "text", True, None, {"b": []}]}
    assert JSON.validate_python(value) == value


@pytest.mark.parametrize(
    "value", [None, "a\x00b", "\ud800", float("nan"), [float("inf")], {"a\x00": 1}, {"a": ["\x00"]}]
)
def test_json_that_postgresql_cannot_store_is_rejected(value: object) -> None:
    with pytest.raises(ValidationError):
        JSON.validate_python(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1.5", "1.50"), (7, "7.00"), ("-0", "0.00"), ("99999999.99", "99999999.99")],
)
def test_a_decimal_is_padded_to_all_its_places(value: object, expected: str) -> None:
    assert str(PRICE.validate_python(value)) == expected


def test_a_decimal_may_have_more_digits_than_python_calculates_with() -> None:
    long = TypeAdapter[Any](Annotated[Decimal, schemas.Digits(1000, 500)])
    assert str(long.validate_python("9" * 500 + ".1")) == "9" * 500 + ".1" + "0" * 499


@pytest.mark.parametrize(
    ("digits", "valid", "invalid"),
    [
        (schemas.Digits(2, 2), "-0.99", ["1", "1.00"]),
        (schemas.Digits(3, 0), "-999", ["1.0", "1000"]),
    ],
)
def test_a_decimal_may_have_no_digits_before_or_after_its_point(
    digits: schemas.Digits, valid: str, invalid: list[str]
) -> None:
    adapter = TypeAdapter[Any](Annotated[Decimal, digits])
    assert str(adapter.validate_python(valid)) == valid
    for value in invalid:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


@pytest.mark.parametrize(
    "value", ["1.555", "100000000", "1e2", "NaN", " 1", "", 1.001, 10**9, Decimal("1e10")]
)
def test_a_decimal_that_its_column_cannot_store_exactly_is_rejected(value: object) -> None:
    with pytest.raises(ValidationError):
        PRICE.validate_python(value)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("9999999999999.99", "9999999999999.99"),
        ("99999999999999.99", None),
        ('"99999999999999.99"', "99999999999999.99"),
        ("99999999999999999.99", None),
        ("999999999999999999", "999999999999999999.00"),
    ],
)
def test_a_decimal_is_stored_as_it_was_sent_or_rejected(sent: str, stored: str | None) -> None:
    amount = TypeAdapter[Any](Annotated[Decimal, schemas.Digits(20, 2)])
    if stored is None:
        with pytest.raises(ValidationError, match="must be sent as text"):
            amount.validate_python(json.loads(sent))
    else:
        assert str(amount.validate_python(json.loads(sent))) == stored


def test_the_schema_of_a_decimal_contains_its_bounds() -> None:
    number, text = PRICE.json_schema()["anyOf"]
    assert number == {"type": "number", "minimum": -99999999.99, "maximum": 99999999.99}
    assert text == {"type": "string", "pattern": r"^-?[0-9]{1,8}(\.[0-9]{1,2})?$"}


@pytest.mark.parametrize(
    ("precision", "bounds"), [(15, {"minimum": -1e15 + 1, "maximum": 1e15 - 1}), (16, {})]
)
def test_the_schema_of_a_decimal_has_bounds_if_a_float_can_tell_them(
    precision: int, bounds: dict[str, float]
) -> None:
    adapter = TypeAdapter[Any](Annotated[Decimal, schemas.Digits(precision, 0)])
    assert adapter.json_schema()["anyOf"][0] == {"type": "number"} | bounds


def test_a_decimal_is_sent_as_text_without_an_exponent() -> None:
    value = Decimal("0E-7")
    assert PLAIN_DECIMAL.dump_json(value) == b'"0.0000000"'
    assert PLAIN_DECIMAL.dump_python(value) is value
    assert PLAIN_DECIMAL.json_schema(mode="serialization") == {"type": "string"}


def test_zero_fits_a_decimal_without_digits_before_the_point() -> None:
    values: list[object] = ["0", "-0", 0, "0.0", 0.0]
    assert {str(FRACTION.validate_python(value)) for value in values} == {"0.000"}


@pytest.mark.parametrize("value", [1, "-1", False, "0.0000"])
def test_a_decimal_without_digits_before_the_point_is_a_fraction(value: object) -> None:
    with pytest.raises(ValidationError):
        FRACTION.validate_python(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity")])
def test_an_answer_has_no_decimal_that_json_does_not_have(value: Decimal) -> None:
    with pytest.raises(UnreadableValueError):
        PLAIN_DECIMAL.validate_python(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_float_is_finite(value: float) -> None:
    assert FLOAT.validate_python(1.5) == 1.5
    with pytest.raises(ValidationError):
        FLOAT.validate_python(value)


def test_the_schema_of_json_excludes_null() -> None:
    types = ["object", "array", "string", "number", "boolean"]
    assert JSON.json_schema()["type"] == types


def test_the_schema_of_json_says_what_generated_clients_need_to_accept_any_value() -> None:
    schema = JSON.json_schema()
    assert (schema["items"], schema["additionalProperties"]) == ({}, True)


@pytest.mark.parametrize("value", ["0.0", "-0", 0, "99.50"])
def test_the_bounds_of_a_decimal_are_accepted(value: object) -> None:
    assert 0 <= DISCOUNT.validate_python(value) <= Decimal("99.5")


@pytest.mark.parametrize("value", ["-0.01", "99.51", -1, 100])
def test_a_decimal_outside_of_its_bounds_is_rejected(value: object) -> None:
    with pytest.raises(ValidationError):
        DISCOUNT.validate_python(value)


def test_the_schema_of_a_bounded_decimal_contains_its_bounds() -> None:
    number, _ = DISCOUNT.json_schema()["anyOf"]
    assert (number["minimum"], number["maximum"]) == (0, 99.5)


def test_the_domain_of_an_email_is_in_lower_case() -> None:
    assert EMAIL.validate_python("Ada.Lovelace+x@Example.COM") == "Ada.Lovelace+x@example.com"


@pytest.mark.parametrize(
    "value",
    ["a" * 64 + "@example.com", "a@" + "x" * 63 + ".com", "a@" + "a." * 125 + "aa"],
)
def test_an_email_has_the_lengths_that_mailers_take(value: str) -> None:
    assert EMAIL.validate_python(value) == value


def test_the_schema_of_an_email_says_so() -> None:
    pattern = rf"^{schemas.EMAIL}$"
    assert EMAIL.json_schema() == {
        "type": "string",
        "format": "email",
        "maxLength": 254,
        "pattern": pattern,
    }


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ada",
        "ada@example",
        "@example.com",
        "a..b@example.com",
        "a b@example.com",
        "ada@-example.com",
        "ada@example.com\n",
        "ada@example.com, bob@example.com",
        "=?utf-8?q?ada?=@example.com",
        "ö@example.com",
        "ada@" + "x" * 64 + ".com",
        "a" * 65 + "@example.com",
        "a@" + "example." * 32 + "com",
        "a@" + "a." * 125 + "aaa",
    ],
)
def test_what_is_no_email_is_rejected(value: str) -> None:
    with pytest.raises(ValidationError):
        EMAIL.validate_python(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTP://Example.com:80/a?b=c#d", "http://example.com/a?b=c#d"),
        ("https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC"),
        (HOME + "x" * 1980, HOME + "x" * 1980),
        (HOME + "ü" * 343 + "x" * 5, HOME + "%C3%BC" * 343 + "x" * 5),
    ],
)
def test_a_url_is_text_in_its_normal_form(value: str, expected: str) -> None:
    found = URL.validate_python(value, strict=True)
    assert found == expected
    assert URL.dump_python(found, warnings="error") == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "example.com",
        "/a",
        "javascript:alert(1)",
        "ftp://example.com/",
        HOME + "x" * 1981,
        HOME + "ü" * 343 + "x" * 6,
    ],
)
def test_what_is_no_url_or_too_long_is_rejected(value: str) -> None:
    with pytest.raises(ValidationError):
        URL.validate_python(value, strict=True)


def test_a_filter_takes_one_to_twenty_values() -> None:
    values = TypeAdapter[Any](schemas.AnyOf[int])
    assert values.validate_python([7] * 20) == [7] * 20
    for wrong in ([], [7] * 21):
        with pytest.raises(ValidationError):
            values.validate_python(wrong)
