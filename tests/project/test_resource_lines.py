"""Lines of `uv run resource`: edits of fields, and what a migration may fail on."""

import pytest

from dev.commands.resource_lines import LineError, edit, is_edit, migration_notes

FIELDS = "total:decimal(10,2)=0 note:text? state:enum(new|paid)=new"


@pytest.mark.parametrize(
    ("words", "after"),
    [
        ("+due:date?", f"{FIELDS} due:date?"),
        ("-note", "total:decimal(10,2)=0 state:enum(new|paid)=new"),
        ("+due:date -total", "note:text? state:enum(new|paid)=new due:date"),
        ("-note total:int", "total:int state:enum(new|paid)=new"),
        ("-total total2:decimal(12,2)", "note:text? state:enum(new|paid)=new total2:decimal(12,2)"),
        ("-state +state:str", "total:decimal(10,2)=0 note:text? state:str"),
    ],
)
def test_an_edit_changes_the_fields_that_it_names(words: str, after: str) -> None:
    assert is_edit(words)
    assert edit(FIELDS, words) == after


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("+note:str", "field 'note' already exists; to change it, write it without the +"),
        ("-due", "field 'due' does not exist; the existing fields are: total, note, state"),
        ("-note:text", "'-note:text' drops a field; write only its name, -note"),
    ],
)
def test_an_impossible_edit_is_rejected(words: str, sentence: str) -> None:
    with pytest.raises(LineError) as error:
        edit(FIELDS, words)
    assert str(error.value) == sentence


def test_a_whole_line_is_no_edit() -> None:
    assert not is_edit("total:int=-5 note:text?")


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        ("a:int", "a:int b:int", "Required and without a default: b."),
        ("a:int?", "a:int", "No longer null: a."),
        ("a:str", "a:str!", "Unique from now on: a."),
        ("a:str", "a:str?*=x", "Indexed from now on: a."),
        ("a:str!", "a:str", "Lists can no longer be filtered or sorted by: a."),
        ("a:str?", "a:str?@", "Requests can no longer set: a."),
        ("a:str b:text~", "a:str~ b:text~", "Lists can be searched by: a, b."),
        ("a:str~", "a:str~ b:text?~", "Lists can be searched by: a, b."),
        ("a:str~", "a:str", "Lists can no longer be searched by: a."),
        ("a:int=0", "a:int", "Without a default from now on: a."),
        ("a:str", "a:str(100)", "Shorter from now on: a."),
        ("a:text", "a:str", "Shorter from now on: a."),
        ("a:str", "a:email", "Shorter from now on: a."),
        ("a:text", "a:url", "Shorter from now on: a."),
        ("a:int", "a:email", "Of another type: a (int -> email)."),
        ("a:text(1..50)", "a:str(100)", "Shorter from now on: a."),
        ("a:str(100)", "a:str(1..100)", "Within narrower bounds from now on: a."),
        ("a:str(1..100)", "a:str(2..100)", "Within narrower bounds from now on: a."),
        ("a:int", "a:int(0..)", "Within narrower bounds from now on: a."),
        ("a:int(0..9)", "a:int(0..8)", "Within narrower bounds from now on: a."),
        ("a:decimal(4,2,0..)", "a:decimal(4,2,0.5..)", "Within narrower bounds from now on: a."),
        ("a:decimal(6,2)", "a:decimal(6,3)", "Fewer digits from now on: a."),
        ("a:decimal(6,2)", "a:decimal(5,2)", "Fewer digits from now on: a."),
        ("a:decimal(6,2)", "a:decimal(6,1)", "Fewer digits from now on: a."),
        ("a:ref(b)", "a:ref(c)", "Refers to another resource: a (b -> c)."),
        ("a:refs(b)", "a:refs(c)", "Refers to another resource: a (b -> c)."),
        ("a:enum(x|y)", "a:enum(x|z)", "No longer allowed: a y."),
        ("a:decimal(6,2)", "a:int", "Less exact from now on: a (decimal -> int)."),
        ("a:datetime", "a:date", "Less exact from now on: a (datetime -> date)."),
        ("a:ref(b)?", "a:int?", "The migration will drop a and all data in it."),
        ("a:int?*", "a:ref(b)?", "The migration will drop a and all data in it."),
        ("a:date", "a:datetime", "Of another type: a (date -> datetime)."),
        ("a:int", "a:uuid", "Of another type: a (int -> uuid)."),
        ("a:ref(b)?", "a:refs(b)", "The migration will drop a and all data in it."),
        ("a:refs(b)", "a:ref(b)?", "The migration will drop a and all data in it."),
        ("a:int b:int", "b:int", "The migration will drop a and all data in it."),
    ],
)
def test_what_a_migration_may_fail_on_is_said(before: str, after: str, note: str) -> None:
    [said] = migration_notes(before, after)
    assert said.startswith(note)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:int", "a:int b:int?"),
        ("a:int", "a:int b:int=0"),
        ("a:int", "a:int?"),
        ("a:int=0", "a:int=1"),
        ("a:int=0", "a:int?"),
        ("a:int?@", "a:int?"),
        ("a:str*", "a:str?*"),
        ("a:int", "a:int b:int?*"),
        ("a:str~", "a:str?~"),
        ("a:int", "a:int b:refs(c)"),
        ("a:str~", "a:text~ b:int?"),
        ("a:str(100)", "a:str"),
        ("a:str", "a:text"),
        ("a:email", "a:str"),
        ("a:str(200)", "a:url"),
        ("a:str(2..100)", "a:str(1..200)"),
        ("a:str(1..)", "a:str"),
        ("a:text", "a:text(1..)"),
        ("a:int(0..9)", "a:int(-1..)"),
        ("a:float(0..1)", "a:float"),
        ("a:decimal(6,2,0..)", "a:decimal(7,3)"),
        ("a:enum(x|y)", "a:enum(x|y|z)"),
    ],
)
def test_nothing_is_said_of_a_change_that_cannot_fail(before: str, after: str) -> None:
    assert migration_notes(before, after) == []
