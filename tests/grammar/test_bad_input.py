"""An invalid answer is rejected in one sentence that names the wrong part; nothing is written."""

from pathlib import Path

import pytest
from copier import run_copy

from tests.grammar.macros import problem
from tests.harness.template import ROOT
from tests.harness.thorough import usually

TEMPLATE = ROOT / "template"
RESOURCES = {"author": "name:str!", "book": "author:ref(author)"}

# What is wrong, a line with that mistake, and what the sentence must contain.
BAD_LINES = [
    ("no field", "order", "'order' has no fields"),
    ("a name that is not in snake_case", "Order total:int", "snake_case"),
    ("a name of a hundred characters", "a" * 100 + " total:int", "the maximum is 40"),
    ("a Python keyword as a resource", "class total:int", "Python keyword"),
    ("a module of the template as a resource", "settings total:int", "part of the service"),
    ("a feature as a resource", "auth total:int", "part of the service"),
    ("a class that the generated code imports", "base total:int", "'Base'"),
    ("a class that is a constant of Python", "none total:int", "'None' would hide a name"),
    ("a type that is a constant of Python", "order none:int", "'none' has a meaning"),
    ("a reserved word of SQL as a table", "usr/user total:int", "reserved word in SQL"),
    ("a path that the service has", "doc total:int", "'docs'"),
    ("a plural whose tests the template has", "limit total:int", "'limits'"),
    ("the plural of another resource", "authors total:int", "'authors' is the plural of 'author'"),
    ("the router of another", "book_nested x:int", "'book_nested_router', for 'book'"),
    ("a plural that another resource has", "writer/authors x:int", "'authors'"),
    ("a field without a type", "order total", "'total'"),
    ("a field with an empty type", "order total:", "unknown type ''"),
    ("an unknown type", "order total:money", "unknown type 'money'"),
    ("a key that every resource has", "order id:int", "'id'"),
    ("a timestamp that every resource has", "order created_at:datetime", "'created_at'"),
    ("a field twice", "order total:int total:str", "two fields 'total'"),
    ("a field and a ref with its column", "order author:ref(author) author_id:int", "'author_id'"),
    ("a Python keyword as a field", "order lambda:int", "Python keyword"),
    ("a reserved word of SQL as a field", "order user:str", "reserved word in SQL"),
    ("a parameter of lists as a field", "order cursor:str", "'cursor'"),
    ("a method of pydantic as a field", "order copy:str", "'copy'"),
    ("a mark twice", "order total:int??", "'??'"),
    ("a mark for an index twice", "order total:int*?*", "'*?*'"),
    ("a read-only field without a value", "order total:int@", "needs a default or"),
    ("only read-only fields", "order total:int?@", "requests can set none of its fields"),
    ("a search in numbers", "order total:int~", "int cannot be searched; use str or text"),
    ("a search in e-mail addresses", "order sent_to:email?~", "email cannot be searched"),
    ("a mark for the search twice", "order note:text~?~", "'~?~'"),
    ("the parameter of the search as a field", "order q:int note:text~", "have a parameter 'q'"),
    (
        "a parameter of every list as a field with an index",
        "order created_at_from:date*",
        "have a parameter 'created_at_from'",
    ),
    ("a default before a mark", "order total:int=1?", "'1?'"),
    ("length zero", "order code:str(0)", "'0' is not a valid length"),
    ("a length that is not a number", "order code:str(long)", "'long' is not a valid length"),
    (
        "a length beyond PostgreSQL's",
        "order code:str(10485761)",
        "'10485761' is not a valid length",
    ),
    ("a shortest length of zero", "order code:str(0..9)", "'0..9' is not a valid length"),
    ("only a longest length", "order code:text(..9)", "'..9' is not a valid length"),
    ("a shortest length beyond the longest", "order code:str(9..5)", "length 9 is greater than"),
    ("a length for a type without one", "order day:date(4)", "date takes no arguments"),
    ("a number instead of a range", "order count:int(4)", "'4' is not a valid range"),
    ("a range without a number", "order count:int(..)", "'..' is not a valid range"),
    ("a range of one number", "order count:int(4..4)", "fewer than two numbers"),
    ("a range in the wrong order", "order share:float(1..0)", "fewer than two numbers"),
    ("a bound that is not an integer", "order count:int(0..1.5)", "the bound '1.5' must be an"),
    ("a bound beyond 32 bits", "order count:int(..2147483648)", "the bound '2147483648' must be"),
    ("a bound of too many places", "order total:decimal(4,2,0.001..)", "the bound '0.001' does"),
    ("a bound that is too long", "order share:float(0..0.12345678901234)", "15 characters"),
    ("a range of a long decimal", "order total:decimal(50,2,0..)", "the maximum is 40"),
    ("a default below the range", "order count:int(1..)=0", "must be at least 1"),
    ("a default above the range", "order total:decimal(4,2,..9)=9.01", "must be at most 9"),
    ("a unique field with a short range", "order count:int(0..9)!", "only a few values"),
    ("a unique default of the service", "order rank:int!@=1", "all rows would have its default"),
    ("a unique decimal of one digit", "order rank:decimal(1,0)!", "only a few values"),
    ("a unique str of one character", "order code:str(1)!", "only a few values"),
    ("a decimal without a precision", "order total:decimal", "requires arguments"),
    ("a decimal of one number", "order total:decimal(10)", "'10'"),
    ("a scale beyond the precision", "order total:decimal(2,10)", "scale 10"),
    ("an open parenthesis", "order code:str(20", "'code:str(20'"),
    ("an enum of one value", "order state:enum(new)", "two values"),
    ("an enum value twice", "order state:enum(new|new)", "twice"),
    ("an enum value with a space", "order state:enum(in work|done)", "'state:enum(in'"),
    ("a ref to nothing", "order item:ref(item)", "resources are: author, book."),
    ("a list of references to nothing", "order items:refs(item)", "'item' does not exist"),
    ("a list of references to itself", "order others:refs(order)", "order -> order"),
    ("a list of references with a mark", "order by:refs(author)?", "neither marks nor a default"),
    ("a list of references named as the resource", "order order:refs(author)", "'order_order'"),
    ("a list of references with a long name", f"order {'a' * 30}:refs(author)", "maximum is 63"),
    ("a class of pairs as a field", "order pairs:int by:refs(author)", "'pairs' has a meaning"),
    (
        "a table of pairs that is there",
        "mailed tokens:refs(author)",
        "table 'mailed_tokens'",
    ),
    ("a ref to itself", "order parent:ref(order)?", "order -> order"),
    ("a cycle of references", "author name:str book:ref(book)", "book -> author -> book"),
    ("a default that is not a number", "order count:int=many", "'many'"),
    ("a default beyond 32 bits", "order count:int=2147483648", "'2147483648'"),
    ("a default of too many places", "order total:decimal(4,2)=1.234", "'1.234'"),
    ("a default that is too long", "order code:str(2)=abc", "'abc'"),
    ("a default that is too short", "order code:str(4..9)=abc", "the minimum is 4"),
    ("a default that is not a value of the enum", "order state:enum(a|b)=c", "'c'"),
    ("a default that is not a date", "order day:date=2026-02-30", "'2026-02-30'"),
    ("a default for a type that takes none", "order data:json={}", "cannot have a default"),
    ("a unique bool", "order active:bool!", "cannot be unique"),
    ("a unique text", "order note:text!", "text cannot be unique, because"),
    ("an index of a text", "order note:text*", "text cannot have an index, because"),
    ("an index of a long str", "order note:str(601)*", "str cannot have an index, because"),
    ("a second index of a unique field", "order code:str!*", "a unique field has an index already"),
    ("a second index of a reference", "order by:ref(author)*", "a reference has an index already"),
    (
        "a drop of a resource that does not exist",
        "-order",
        "'order' cannot be dropped: it does not exist",
    ),
    ("a drop with fields", "-author name:str", "remove 'name:str'"),
    ("a drop of a resource that is referred to", "-author", "'author' of 'book' refers to it"),
]

BAD_NAMES = [
    ("a name without letters", {"project_name": "!!!"}, "'!!!' has no letter"),
    ("an empty name", {"project_name": "", "project_slug": "shop"}, "must not be empty"),
    ("a name of two lines", {"project_name": "a\nb"}, "a single line"),
    ("a slug with capitals", {"project_slug": "Shop"}, "'Shop' is not a valid slug"),
    ("a slug that a dependency has", {"project_slug": "fastapi"}, "'fastapi' is a package"),
    ("a description of two lines", {"description": "a\nb"}, "a single line"),
    ("a Python that is not offered", {"python_version": "2.7"}, "python_version"),
]


def rejection(template: Path, target: Path, answers: dict[str, object]) -> str:
    """Why Copier renders nothing: the last line of what a user sees."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the caller looks at the text)
        run_copy(str(template), target, data=answers, defaults=True, quiet=True)
    assert not target.exists()
    return str(error.value).splitlines()[-1]


@pytest.mark.parametrize(
    ("line", "named"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES]
)
def test_what_is_wrong_with_a_resource_is_named(line: str, named: str) -> None:
    sentence = problem(RESOURCES, line)
    assert named in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(("line", "named"), usually([case[1:] for case in BAD_LINES], 3))
def test_an_invalid_resource_is_rejected(
    template: Path, tmp_path: Path, line: str, named: str
) -> None:
    answers: dict[str, object] = {"resources": RESOURCES, "resource": line}
    assert named in rejection(template, tmp_path / "project", answers)


@pytest.mark.parametrize(
    ("answers", "named"), [case[1:] for case in BAD_NAMES], ids=[case[0] for case in BAD_NAMES]
)
def test_an_invalid_answer_is_rejected(
    template: Path, tmp_path: Path, answers: dict[str, object], named: str
) -> None:
    assert named in rejection(template, tmp_path / "project", answers)


@pytest.mark.parametrize(
    "line",
    [
        *(
            f"thing/{path.stem.removeprefix('test_')} total:int"
            for path in TEMPLATE.glob("tests/api/test_*.py")
        ),
        *(f"{path.stem} total:int" for path in TEMPLATE.glob("tests/factories/[a-z]*.py")),
        *(f"{path.stem} total:int" for path in TEMPLATE.glob("app/[a-z]*.py")),
    ],
)
def test_no_resource_can_have_a_file_of_the_template(line: str) -> None:
    assert problem({}, line) != ""


def test_invalid_remembered_resources_are_rejected(template: Path, tmp_path: Path) -> None:
    answers: dict[str, object] = {"resources": ["author"], "resource": ""}
    assert "must map each resource" in rejection(template, tmp_path / "project", answers)
