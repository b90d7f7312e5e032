import pytest

from app.errors import InvalidInputError
from app.pagination import Cursors, ListQuery, Position

POSITION = Position("-price", "9.99", 7)


def test_a_cursor_decodes_to_its_position() -> None:
    cursors = Cursors("key")
    assert cursors.decode(cursors.encode(POSITION), "-price") == POSITION


def test_a_cursor_can_hold_the_longest_unique_text() -> None:
    cursors = Cursors("key")
    position = Position("name", "\N{GRINNING FACE}" * 600, 7)
    cursor = cursors.encode(position)
    assert ListQuery(cursor=cursor, sort="name").cursor == cursor
    assert cursors.decode(cursor, "name") == position


def test_a_value_that_is_too_long_for_a_cursor_is_rejected() -> None:
    with pytest.raises(InvalidInputError):
        Cursors("key").encode(Position("note", "x" * 4000, 7))


def test_a_cursor_signed_with_another_key_is_rejected() -> None:
    with pytest.raises(InvalidInputError):
        Cursors("key").decode(Cursors("another key").encode(POSITION), "-price")


def test_a_cursor_for_another_sort_is_rejected() -> None:
    cursors = Cursors("key")
    with pytest.raises(InvalidInputError):
        cursors.decode(cursors.encode(POSITION), "price")


@pytest.mark.parametrize("position", range(0, 50, 5))
def test_a_cursor_with_any_character_changed_is_rejected(position: int) -> None:
    cursors = Cursors("key")
    cursor = cursors.encode(POSITION)
    changed = "A" if cursor[position] != "A" else "B"
    with pytest.raises(InvalidInputError):
        cursors.decode(cursor[:position] + changed + cursor[position + 1 :], "-price")


@pytest.mark.parametrize("text", ["", "a", "%", "not a cursor"])
def test_text_that_is_not_a_cursor_is_rejected(text: str) -> None:
    with pytest.raises(InvalidInputError):
        Cursors("key").decode(text, "-price")
