"""Request fields accept what their columns can store, and nothing else."""

import datetime as dt
import json
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app import schemas

DATE = TypeAdapter[Any](schemas.Date)
DATE_TIME = TypeAdapter[Any](schemas.DateTime)
EMAIL = TypeAdapter[Any](schemas.Email)
INTEGER = TypeAdapter[Any](schemas.Int32)
JSON = TypeAdapter[Any](schemas.Json)
PRICE = TypeAdapter[Any](Annotated[Decimal, schemas.Digits(10, 2)])
URL = TypeAdapter[Any](schemas.Url)
DISCOUNT = TypeAdapter[Any](
    Annotated[Decimal, schemas.Digits(5, 2, ge=Decimal(0), le=Decimal("99.5"))]
)


def test_a_date_is_accepted_as_text_but_not_as_a_number() -> None:
    assert DATE.validate_python("2024-02-29") == dt.date(2024, 2, 29)
    with pytest.raises(ValidationError):
        DATE.validate_python(0)


def test_an_integer_may_have_a_zero_fraction() -> None:
    assert INTEGER.validate_python(1.0) == 1
    with pytest.raises(ValidationError):
        INTEGER.validate_python(1.5)


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
    value = {"longer": 1e30, "b": [-0.0, 1e-7], "a": {"é": 1, "zz": 2}}
    stored = '{"a": {"zz": 2, "é": 1}, "b": [0.0, 1e-07], "longer": 1' + "0" * 30 + "}"
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


@pytest.mark.parametrize("value", ["1.555", "100000000", "1e2", "NaN", " 1", ""])
def test_a_decimal_that_its_column_cannot_store_exactly_is_rejected(value: str) -> None:
    with pytest.raises(ValidationError):
        PRICE.validate_python(value)


def test_the_schema_of_a_decimal_contains_its_bounds() -> None:
    number, text = PRICE.json_schema()["anyOf"]
    assert (number["minimum"], number["maximum"]) == (-99999999.99, 99999999.99)
    assert text["pattern"] == r"^-?[0-9]{1,8}(\.[0-9]{1,2})?$"


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
        "ö@example.com",
        "ada@" + "x" * 64 + ".com",
        "a" * 65 + "@example.com",
        "a@" + "example." * 32 + "com",
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
    ],
)
def test_a_url_is_text_in_its_normal_form(value: str, expected: str) -> None:
    assert URL.validate_python(value, strict=True) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "example.com",
        "/a",
        "javascript:alert(1)",
        "ftp://example.com/",
        "https://example.com/" + "x" * 1981,
        "https://example.com/" + "ü" * 400,
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
