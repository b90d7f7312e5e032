import pytest
from fastapi import Request
from pydantic import SecretStr, ValidationError

from app.errors import InvalidInputError
from app.main import create_app
from app.pagination import Cursors, ListQuery, Page, Position, RowPage, get_cursors
from app.settings import Settings

TYPE = "Numeric"
POSITION = Position(TYPE, "9.99", 7)
QUERY = ListQuery(sort="-price")


class FilteredQuery(ListQuery):
    name: str | None = None


def test_a_cursor_decodes_to_its_position() -> None:
    cursors = Cursors("key")
    assert cursors.decode(cursors.encode(POSITION, QUERY), QUERY, TYPE) == POSITION


async def test_a_cursor_is_signed_with_the_key_of_the_settings() -> None:
    async def cursors(key: str) -> Cursors:
        app = create_app(Settings(_env_file=None, secret_key=SecretStr(key * 32)))
        path = {"path": "/items", "query_string": b"", "headers": [(b"host", b"test")]}
        return await get_cursors(Request({"type": "http", "app": app} | path))

    cursor = (await cursors("a")).encode(POSITION, QUERY)
    assert (await cursors("a")).decode(cursor, QUERY, TYPE) == POSITION
    with pytest.raises(InvalidInputError):
        (await cursors("b")).decode(cursor, QUERY, TYPE)


def test_a_cursor_can_hold_the_longest_unique_text() -> None:
    cursors = Cursors("key")
    position = Position("String", "\N{GRINNING FACE}" * 600, 7)
    query = ListQuery(sort="name")
    cursor = cursors.encode(position, query)
    assert ListQuery(cursor=cursor, sort="name").cursor == cursor
    assert cursors.decode(cursor, query, "String") == position


@pytest.mark.parametrize("sign", ["\x01", '"', "\U0010ffff"])
def test_any_text_that_an_index_can_hold_fits_in_a_cursor(sign: str) -> None:
    cursors, query = Cursors("key"), ListQuery(sort="name")
    position = Position("String", sign * 600, 2**63 - 1)
    assert cursors.decode(cursors.encode(position, query), query, "String") == position


def test_a_value_that_is_too_long_for_a_cursor_is_rejected() -> None:
    query = ListQuery(sort="-note")
    longest = Cursors("key").encode(Position("String", "x" * 3719, 7), query)
    assert len(longest) == 5000
    assert ListQuery(cursor=longest).cursor == longest
    with pytest.raises(ValidationError):
        ListQuery(cursor=longest + "=")
    with pytest.raises(InvalidInputError, match="by note") as error:
        Cursors("key").encode(Position("String", "x" * 3720, 7), query)
    assert error.value.loc == ("query", "sort")


def test_a_page_is_read_from_a_page_of_rows() -> None:
    assert Page[int].model_validate(RowPage([7], "next")) == Page(items=[7], next_cursor="next")


def test_a_list_is_sorted_by_id_by_default() -> None:
    assert ListQuery().sort == "id"


def test_a_cursor_is_valid_for_another_limit() -> None:
    cursors = Cursors("key")
    cursor = cursors.encode(POSITION, QUERY)
    next_page = ListQuery(sort="-price", limit=100, cursor=cursor)
    assert cursors.decode(cursor, next_page, TYPE) == POSITION


@pytest.mark.parametrize(
    ("key", "path", "query", "type_"),
    [
        ("another key", "/items", FilteredQuery(sort="-price", name="a"), TYPE),
        ("key", "/orders", FilteredQuery(sort="-price", name="a"), TYPE),
        ("key", "/items", FilteredQuery(sort="price", name="a"), TYPE),
        ("key", "/items", FilteredQuery(sort="-price", name="b"), TYPE),
        ("key", "/items", FilteredQuery(sort="-price"), TYPE),
        ("key", "/items", FilteredQuery(sort="-price", name="a"), "String"),
    ],
    ids=["key", "list", "sort", "filter", "no filter", "type"],
)
def test_a_cursor_of_another_query_is_rejected(
    key: str, path: str, query: ListQuery, type_: str
) -> None:
    cursor = Cursors("key", "/items").encode(POSITION, FilteredQuery(sort="-price", name="a"))
    with pytest.raises(InvalidInputError, match=r"Invalid cursor\.") as error:
        Cursors(key, path).decode(cursor, query, type_)
    assert error.value.loc == ("query", "cursor")


@pytest.mark.parametrize("position", range(0, 50, 5))
def test_a_cursor_with_any_character_changed_is_rejected(position: int) -> None:
    cursors = Cursors("key")
    cursor = cursors.encode(POSITION, QUERY)
    changed = "A" if cursor[position] != "A" else "B"
    with pytest.raises(InvalidInputError):
        cursors.decode(cursor[:position] + changed + cursor[position + 1 :], QUERY, TYPE)


@pytest.mark.parametrize("text", ["", "a", "%", "not a cursor"])
def test_text_that_is_not_a_cursor_is_rejected(text: str) -> None:
    with pytest.raises(InvalidInputError):
        Cursors("key").decode(text, QUERY, TYPE)
