"""Bad answers get one sentence that names the part that is wrong, and nothing is written."""

from pathlib import Path

import pytest
from copier import run_copy

RESOURCES = {"author": "name:str!", "book": "author:ref(author)"}

# What is wrong, a line that is wrong in that way, and what the sentence has to name.
BAD_LINES = [
    ("no field", "order", "'order' has no fields"),
    ("a name that is not in snake_case", "Order total:int", "snake_case"),
    ("a name of a hundred characters", "a" * 100 + " total:int", "may have 40"),
    ("a Python keyword as a resource", "class total:int", "keyword of Python"),
    ("a module of the template as a resource", "settings total:int", "part of the service"),
    ("a feature as a resource", "auth total:int", "part of the service"),
    ("a class that generated code imports", "base total:int", "'Base'"),
    ("a reserved word of SQL as a table", "usr/user total:int", "reserved word of SQL"),
    ("a path that the service has", "doc total:int", "'docs'"),
    ("the plural of another resource", "authors total:int", "'authors' is the plural of 'author'"),
    ("the router of another", "book_nested x:int", "'book_nested_router' from 'book'"),
    ("a plural that another resource has", "writer/authors x:int", "'authors'"),
    ("a field without a type", "order total", "'total'"),
    ("a field with an empty type", "order total:", "no type ''"),
    ("an unknown type", "order total:money", "no type 'money'"),
    ("a key that every resource has", "order id:int", "'id'"),
    ("a timestamp that every resource has", "order created_at:datetime", "'created_at'"),
    ("a field twice", "order total:int total:str", "two fields 'total'"),
    ("a field and a ref with its column", "order author:ref(author) author_id:int", "'author_id'"),
    ("a Python keyword as a field", "order lambda:int", "keyword of Python"),
    ("a reserved word of SQL as a field", "order user:str", "reserved word of SQL"),
    ("a parameter of lists as a field", "order cursor:str", "'cursor'"),
    ("a method of pydantic as a field", "order copy:str", "'copy'"),
    ("a mark twice", "order total:int??", "'??'"),
    ("a default before a mark", "order total:int=1?", "'1?'"),
    ("length zero", "order code:str(0)", "'0' is no length"),
    ("a length that is no number", "order code:str(long)", "'long' is no length"),
    ("a length beyond PostgreSQL's", "order code:str(10485761)", "'10485761' is no length"),
    ("a length for a type without one", "order count:int(4)", "int takes nothing in parentheses"),
    ("a decimal without a precision", "order total:decimal", "needs parentheses"),
    ("a decimal of one number", "order total:decimal(10)", "'10'"),
    ("a scale beyond the precision", "order total:decimal(2,10)", "scale 10"),
    ("an open parenthesis", "order code:str(20", "'code:str(20'"),
    ("an enum of one value", "order state:enum(new)", "two values"),
    ("an enum value twice", "order state:enum(new|new)", "twice"),
    ("an enum value with a space", "order state:enum(in work|done)", "'state:enum(in'"),
    ("a ref to nothing", "order item:ref(item)", "no resource 'item'"),
    ("a ref to itself", "order parent:ref(order)?", "order -> order"),
    ("a circle of refs", "author name:str book:ref(book)", "book -> author -> book"),
    ("a default that is no number", "order count:int=many", "'many'"),
    ("a default beyond 32 bits", "order count:int=2147483648", "'2147483648'"),
    ("a default of too many places", "order total:decimal(4,2)=1.234", "'1.234'"),
    ("a default that is too long", "order code:str(2)=abc", "'abc'"),
    ("a default that is no value of the enum", "order state:enum(a|b)=c", "'c'"),
    ("a default that is no date", "order day:date=2026-02-30", "'2026-02-30'"),
    ("a default for a type that takes none", "order data:json={}", "takes no default"),
    ("a unique bool", "order active:bool!", "cannot be unique"),
    ("a drop of what does not exist", "-order", "no resource 'order' to drop"),
    ("a drop with fields", "-author name:str", "must end after '-author'"),
    ("a drop of what is referred to", "-author", "'author' of 'book' refers to it"),
]

BAD_NAMES = [
    ("a name without letters", {"project_name": "!!!"}, "'!!!' has no letter"),
    ("a name of two lines", {"project_name": "a\nb"}, "one line"),
    ("a slug with capitals", {"project_slug": "Shop"}, "'Shop' is no slug"),
    ("a slug that a dependency has", {"project_slug": "fastapi"}, "'fastapi' is a package"),
    ("a description of two lines", {"description": "a\nb"}, "one line"),
    ("a Python that is not offered", {"python_version": "2.7"}, "python_version"),
]


def refusal(template: Path, target: Path, answers: dict[str, object]) -> str:
    """Why Copier does not render; the last line of what a user sees."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the caller looks at the text)
        run_copy(str(template), target, data=answers, defaults=True, quiet=True)
    assert not target.exists()
    return str(error.value).splitlines()[-1]


@pytest.mark.parametrize(
    ("line", "named"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES]
)
def test_a_bad_resource_is_refused(template: Path, tmp_path: Path, line: str, named: str) -> None:
    answers: dict[str, object] = {"resources": RESOURCES, "resource": line}
    sentence = refusal(template, tmp_path / "project", answers)
    assert named in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("answers", "named"), [case[1:] for case in BAD_NAMES], ids=[case[0] for case in BAD_NAMES]
)
def test_a_bad_answer_is_refused(
    template: Path, tmp_path: Path, answers: dict[str, object], named: str
) -> None:
    assert named in refusal(template, tmp_path / "project", answers)


def test_bad_remembered_resources_are_refused(template: Path, tmp_path: Path) -> None:
    answers: dict[str, object] = {"resources": ["author"], "resource": ""}
    assert "must map each resource" in refusal(template, tmp_path / "project", answers)
