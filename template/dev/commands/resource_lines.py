"""Lines that describe resources, such as `order total:decimal(10,2) note:text?`."""

import math
import re
from dataclasses import dataclass

LESS_EXACT = {
    ("decimal", "float"),
    ("decimal", "int"),
    ("float", "decimal"),
    ("float", "int"),
    ("datetime", "date"),
}
"""Conversions that PostgreSQL makes without `USING` although the values lose a part."""

MAX_LENGTHS = {"str": 255, "email": 254, "url": 2083, "text": None}
"""The types whose values are texts, and how long these may be in the database by default."""


class LineError(Exception):
    """A line cannot be applied to a resource; the message says why."""


@dataclass(frozen=True)
class Field:
    """A field as its user wrote it: `total:decimal(10,2)?*=0`."""

    text: str
    name: str
    type: str
    arguments: str
    marks: str
    default: str

    @property
    def optional(self) -> bool:
        return "?" in self.marks

    @property
    def unique(self) -> bool:
        return "!" in self.marks

    @property
    def indexed(self) -> bool:
        return "*" in self.marks

    @property
    def read_only(self) -> bool:
        return "@" in self.marks

    @property
    def searched(self) -> bool:
        return "~" in self.marks

    @property
    def is_set(self) -> bool:
        """Whether it is a list of references, which are stored in a separate table."""
        return self.type == "refs"

    @property
    def column(self) -> str | None:
        """The name of its column; None if it has none."""
        if self.is_set:
            return None
        return f"{self.name}_id" if self.type == "ref" else self.name

    @property
    def listed(self) -> bool:
        """Whether lists can be filtered by it."""
        return self.unique or self.indexed or self.type in {"ref", "refs"}

    @property
    def values(self) -> list[str]:
        """The values of an enum."""
        return self.arguments.split("|") if self.type == "enum" else []

    @property
    def max_length(self) -> int | None:
        """The maximum number of characters of a text in the database; None if there is none."""
        default = MAX_LENGTHS.get(self.type)
        return int(self.arguments.rpartition("..")[2] or default) if default else None

    @property
    def digits(self) -> tuple[int, int]:
        """How many digits of a decimal may be before and after the decimal point."""
        precision, scale = map(int, self.arguments.split(",")[:2])
        return precision - scale, scale

    @property
    def bounds(self) -> tuple[float, float]:
        """What the database requires: the number itself, or of a text its length, is between."""
        least, dots, greatest = self.arguments.rpartition(",")[2].partition("..")
        if self.type == "text" or not dots:
            return -math.inf, math.inf
        return float(least or -math.inf), float(greatest or math.inf)


PATTERN = re.compile(r"([^:]+):([^(?!*@~=]*)(?:\(([^()]*)\))?([?!*@~]*)((?:=.*)?)")


def parse_fields(text: str) -> dict[str, Field]:
    """The well-formed fields of a line; the template says what is wrong with others."""
    found = [PATTERN.fullmatch(word) for word in text.split()]
    fields = [
        Field(match[0], match[1], match[2], match[3] or "", *match.groups()[3:])
        for match in found
        if match
    ]
    return {field.name: field for field in fields}


def attributes(text: str) -> set[str]:
    """What the model has for the fields of a line: a reference is a relationship and a column."""
    fields = parse_fields(text).values()
    references = {f"{field.name}_id" for field in fields if field.type == "ref"}
    sets = {f"_{field.name}" for field in fields if field.is_set}
    return {field.name for field in fields} | references | sets


def is_edit(text: str) -> bool:
    """Whether the text says what changes (`+note:text? -total`), and does not list all fields."""
    return any(word.startswith(("+", "-")) for word in text.split())


def edit(before: str, text: str) -> str:
    """The fields of a resource after an edit.

    `+note:text?` adds a field, `-note` drops it, and `note:str(100)` gives a field another type,
    or adds it. Raises LineError.
    """
    fields = {word.partition(":")[0]: word for word in before.split()}
    for word in text.split():
        sign = word[0] if word[0] in "+-" else ""
        name = word.removeprefix(sign).partition(":")[0]
        if sign == "+" and name in fields:
            raise LineError(f"field '{name}' already exists; to change it, write it without the +")
        if sign == "-" and name not in fields:
            existing = ", ".join(fields)
            raise LineError(f"field '{name}' does not exist; the existing fields are: {existing}")
        if sign == "-" and word != f"-{name}":
            raise LineError(f"'{word}' drops a field; write only its name, -{name}")
        if sign == "-":
            del fields[name]
        else:
            fields[name] = word.removeprefix(sign)
    return " ".join(fields.values())


def migration_notes(before: str, after: str) -> list[str]:
    """What autogenerate cannot know about a change of fields, and what PostgreSQL may refuse."""
    old, new = parse_fields(before), parse_fields(after)
    owned_before, owned = ("owner" in text.split() for text in (before, after))
    # The column of a reference has another name, and a list of references is none.
    kept = {name for name in new if name in old and old[name].column == new[name].column}
    both = [(old[name], new[name]) for name in new if name in kept]
    notes = {
        "Required and without a default: {}. On a table with rows the migration will fail: allow "
        "null at first (?), fill the rows, and require a value in a later change.": [
            name
            for name, field in new.items()
            if name not in kept and not field.optional and not field.default and not field.is_set
        ],
        "Rows have an owner from now on: {}. On a table with rows the migration will fail: let it "
        "allow null, fill the column, and require a value in a second one.": (
            ["owner_id"] if owned and not owned_before else []
        ),
        "Rows have no owner any more, and every user can read and change all of them. The "
        "migration will drop {} and all data in it.": (
            ["owner_id"] if owned_before and not owned else []
        ),
        "No longer null: {}. The migration will fail while there are rows without a value; fill "
        "them in an earlier migration.": [
            now.name for was, now in both if was.optional and not now.optional
        ],
        "Unique from now on: {}. The migration will fail while two rows have the same value.": [
            now.name for was, now in both if now.unique and not was.unique
        ],
        "Indexed from now on: {}. No row can be written while PostgreSQL builds the index; if the "
        "table is large, create it with postgresql_concurrently=True.": [
            now.name for was, now in both if now.indexed and not was.indexed
        ],
        "Lists can no longer be filtered or sorted by: {}.": [
            now.name for was, now in both if was.listed and not now.listed
        ],
        "Lists can be searched by: {}. No row can be written while PostgreSQL builds the index; if "
        "the table is large, create it with postgresql_concurrently=True.": (
            _searched(new) if _searched(new) != _searched(old) else []
        ),
        "Lists can no longer be searched by: {}.": [
            now.name for was, now in both if was.searched and not now.searched
        ],
        "Requests can no longer set: {}.": [
            now.name for was, now in both if now.read_only and not was.read_only
        ],
        "Without a default from now on: {}. A request that creates a row must set it.": [
            now.name for was, now in both if was.default and not (now.default or now.optional)
        ],
        "Shorter from now on: {}. The migration will fail while a row has a longer text.": [
            now.name for was, now in both if _is_shorter(was, now)
        ],
        "Within narrower bounds from now on: {}. The migration will fail while a row has a value "
        "outside of them.": [now.name for was, now in both if _is_narrower(was, now)],
        "Fewer digits from now on: {}. The migration will fail while a value has more before the "
        "decimal point, and rounds what has more after it.": [
            now.name for was, now in both if _has_fewer_digits(was, now)
        ],
        "Refers to another resource: {}. Rows keep their ids, which stand for other rows from now "
        "on, and the migration will fail while one of them does not exist: add a field instead.": [
            f"{now.name} ({was.arguments} -> {now.arguments})"
            for was, now in both
            if now.type == was.type and now.type in {"ref", "refs"}
            if now.arguments != was.arguments
        ],
        "No longer allowed: {}. The migration will fail while a row has such a value: replace it "
        "there, after the old constraint is dropped and before the new one is created.": [
            f"{now.name} {value}"
            for was, now in both
            if now.type == "enum"
            for value in was.values
            if value not in now.values
        ],
        "Of another type: {}. Review how the migration converts the values that are there.": [
            f"{now.name} ({was.type} -> {now.type})"
            for was, now in both
            if now.type != was.type and not {was.type, now.type} <= MAX_LENGTHS.keys()
            if (was.type, now.type) not in LESS_EXACT
        ],
        "Less exact from now on: {}. The migration rounds numbers and drops times of day without "
        "an error: to keep them, add a field instead.": [
            f"{now.name} ({was.type} -> {now.type})"
            for was, now in both
            if (was.type, now.type) in LESS_EXACT
        ],
        "The migration will drop {} and all data in it. If you only renamed a field, use "
        "rename_column of migrations/renames.py in the migration instead.": [
            name for name in old if name not in kept
        ],
    }
    return [note.format(", ".join(names)) for note, names in notes.items() if names]


def _searched(fields: dict[str, Field]) -> list[str]:
    """The fields of the search's one index, in its order."""
    return [field.name for field in fields.values() if field.searched]


def _is_shorter(was: Field, now: Field) -> bool:
    if was.type not in MAX_LENGTHS or now.max_length is None:
        return False
    return was.max_length is None or now.max_length < was.max_length


def _has_fewer_digits(was: Field, now: Field) -> bool:
    if not was.type == now.type == "decimal":
        return False
    return any(after < before for before, after in zip(was.digits, now.digits, strict=True))


def _is_narrower(was: Field, now: Field) -> bool:
    (was_least, was_greatest), (least, greatest) = was.bounds, now.bounds
    if now.type == "str":  # of a longest text, "shorter" is said
        return least > was_least
    return least > was_least or greatest < was_greatest
