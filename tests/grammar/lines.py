"""Random resource lines: valid ones, and ones with a known mistake."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.harness.answers import FIELDS

WORDS = [
    *["account", "amount", "answer", "box", "category", "child", "city", "day", "entry", "invoice"],
    *["month", "news", "number", "owner", "phase", "price", "quantity", "rank", "score", "shelf"],
    *["size", "status", "story", "street", "task", "team", "title", "unit", "value", "year"],
]
SNAKE = st.from_regex(r"[a-z][a-z0-9]{0,9}(_[a-z0-9]{1,9}){0,3}", fullmatch=True)
NAMES = st.one_of(
    st.sampled_from(WORDS),
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=3).map("_".join),
    SNAKE,
)
PLAIN = st.text("abcxyzABCXYZ0189.,;:-_+*/()[]{}<>#@$%&!?=~|^", min_size=1, max_size=20)


def defaulted(type_: str, values: SearchStrategy[str]) -> SearchStrategy[str]:
    """The type without a default, or with one of these."""
    return st.one_of(st.just(type_), values.map(lambda value: f"{type_}={value}"))


@st.composite
def marked(draw: DrawFn, type_: str, marks: list[str], values: SearchStrategy[str] | None) -> str:
    text = type_ + draw(st.sampled_from(marks))
    if "?" in text[len(type_) :] and draw(st.integers(0, 9)) == 0:
        if "!" in text[len(type_) :]:
            return f"{text}@"
        text += "@"
    if type_.startswith(("str", "text")) and draw(st.integers(0, 4)) == 0:
        text += "~"
    return text if values is None else draw(defaulted(text, values))


ANY_MARK = ["", "?", "!", "?!", "!?", "*", "?*", "*?"]
NEVER_UNIQUE = ["", "?", "*", "?*", "*?"]
NEVER_INDEXED = ["", "?"]
ALWAYS_INDEXED = ["", "?", "!", "?!", "!?"]


@st.composite
def decimals(draw: DrawFn) -> str:
    precision = draw(st.integers(1, 40))
    scale = draw(st.integers(0, precision))
    whole = draw(st.integers(0, 10 ** min(precision - scale, 9) - 1))
    places = "." + "7" * draw(st.integers(1, scale)) if scale else ""
    marks = ANY_MARK if precision > 1 else NEVER_UNIQUE
    return draw(marked(f"decimal({precision},{scale})", marks, st.just(f"{whole}{places}")))


@st.composite
def ranges(draw: DrawFn, places: int) -> tuple[str, str]:
    """A range of more than 1000 numbers, and a number in it."""
    least = draw(st.integers(-(10**6), 10**6))
    fraction = "." + "5" * places if places else ""
    number = f"{least + 1}{fraction}"
    form = draw(st.sampled_from(["{0}..", "..{1}", "{0}..{1}"]))
    return form.format(f"{least}", f"{least + 2000}{fraction}"), number


@st.composite
def bounded_numbers(draw: DrawFn) -> str:
    type_ = draw(st.sampled_from(["int", "float", "decimal"]))
    places = 0 if type_ == "int" else draw(st.integers(0, 3))
    range_, number = draw(ranges(places))
    digits = f"{places + 7},{places}," if type_ == "decimal" else ""
    return draw(marked(f"{type_}({digits}{range_})", ANY_MARK, st.just(number)))


@st.composite
def strings(draw: DrawFn) -> str:
    length = draw(st.one_of(st.integers(1, 700), st.just(10485760)))
    marks = NEVER_UNIQUE if length == 1 else ANY_MARK if length <= 600 else NEVER_INDEXED
    return draw(marked(f"str({length})", marks, PLAIN.map(lambda text: text[:length])))


@st.composite
def bounded_strings(draw: DrawFn) -> str:
    type_ = draw(st.sampled_from(["str", "text"]))
    shortest = draw(st.integers(1, 40))
    longest = draw(st.one_of(st.just(""), st.integers(shortest, 600)))
    marks = NEVER_INDEXED if type_ == "text" else NEVER_UNIQUE if longest == 1 else ANY_MARK
    values = st.just("x" * shortest)
    return draw(marked(f"{type_}({shortest}..{longest})", marks, values))


@st.composite
def enums(draw: DrawFn) -> str:
    values = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    type_ = f"enum({'|'.join(values)})"
    return draw(marked(type_, NEVER_UNIQUE, st.sampled_from(values)))


MOMENTS = st.datetimes().map(lambda moment: f"{moment:%H:%M}Z")
DATES = st.dates().map(str)
TYPES: list[SearchStrategy[str]] = [
    marked("str", ANY_MARK, PLAIN),
    strings(),
    bounded_strings(),
    marked("text", NEVER_INDEXED, PLAIN),
    marked("text(20)", NEVER_INDEXED, PLAIN),
    marked("email", ANY_MARK, None),
    marked("url", ANY_MARK, None),
    marked("int", ANY_MARK, st.integers(-(2**31), 2**31 - 1).map(str)),
    marked("float", ANY_MARK, st.integers(-999, 999).map(lambda number: f"{number / 8}")),
    decimals(),
    bounded_numbers(),
    marked("bool", NEVER_UNIQUE, st.sampled_from(["true", "false"])),
    marked("date", ANY_MARK, DATES),
    marked(
        "datetime", ANY_MARK, st.one_of(st.just("now"), st.tuples(DATES, MOMENTS).map("T".join))
    ),
    marked("uuid", ANY_MARK, None),
    marked("json", NEVER_INDEXED, None),
    enums(),
    st.sampled_from([field.partition(":")[2] for field in FIELDS if "(maker)" not in field]),
]


@st.composite
def fields(draw: DrawFn, targets: list[str]) -> str:
    """A field; it may be a ref to one of the targets."""
    types = st.one_of(TYPES)
    if targets:
        refs = st.sampled_from(targets).flatmap(
            lambda name: marked(f"ref({name})", ALWAYS_INDEXED, None)
        )
        types = st.one_of(types, refs, st.sampled_from([f"refs({name})" for name in targets]))
    return f"{draw(NAMES)}:{draw(types)}"


@st.composite
def lines(draw: DrawFn, targets: list[str]) -> str:
    """A resource that may refer to one of the targets."""
    name = draw(NAMES)
    plural = draw(st.one_of(st.just(""), NAMES.map(lambda other: f"/{other}_list")))
    several = draw(st.lists(fields(targets), min_size=1, max_size=8, unique_by=column))
    return " ".join([name + plural, *several])


def column(field: str) -> str:
    name, _, type_ = field.partition(":")
    return f"{name}_id" if type_.startswith("ref(") else name


@st.composite
def projects(draw: DrawFn, problem: Callable[[dict[str, str], str], str]) -> dict[str, str]:
    """Resources that refer to one another; those that have a problem together are left out."""
    resources: dict[str, str] = {"first": "name:str"}
    for _ in range(draw(st.integers(3, 8))):
        names = [head.partition("/")[0] for head in resources]
        line = draw(lines(names))
        head, _, body = line.partition(" ")
        if head.partition("/")[0] not in names and not problem(resources, line):
            resources[head] = body
    return resources


Bad = tuple[str, str]
"""A line, and its part that is wrong."""


def field(text: str) -> Bad:
    return f"order note:text {text} total:int", text.partition(":")[0]


LONG = "a" * 41
WORD = SNAKE.map(lambda name: f"zz{name}")  # not in a sentence by chance
STRANGE = st.characters(exclude_categories=["Zs", "Zl", "Zp"]).filter(
    lambda sign: (
        not (sign.isascii() and sign.isalnum()) and not sign.isspace() and sign not in "_/:-"
    )
)


def of(*parts: str) -> SearchStrategy[Bad]:
    """A line with one of these types, each of which has a mistake."""
    return st.sampled_from(parts).map(lambda text: (f"order note:text total:{text}", "'total'"))


BAD: dict[str, SearchStrategy[Bad]] = {
    "a resource with capitals": WORD.map(lambda name: (f"{name}X note:text", f"'{name}X'")),
    "a field with capitals": WORD.map(lambda name: field(f"X{name}:int")),
    "a name that is too long": WORD.map(lambda name: (f"{name}{LONG} note:text", name)),
    "a field that is too long": WORD.map(lambda name: field(f"{name}{LONG}:int")),
    "a plural that is not a valid name": WORD.map(
        lambda name: (f"order/{name}X a:int", f"'{name}X'")
    ),
    "a keyword of Python": st.sampled_from(["class", "lambda", "yield"]).map(
        lambda word: field(f"{word}:int")
    ),
    "a word of SQL": st.sampled_from(["select", "user", "where"]).map(
        lambda word: field(f"{word}:int")
    ),
    "a field without a type": WORD.map(lambda name: (f"order note:text {name}", f"'{name}'")),
    "an unknown type": WORD.map(lambda name: (f"order note:{name}", f"'{name}'")),
    "an argument where there is none": of("date(3)", "datetime(3)", "bool()", "uuid(a)", "json(b)"),
    "no argument where one is needed": of(
        "decimal", "enum", "ref", "decimal()", "enum()", "refs", "refs()"
    ),
    "a wrong argument": of(
        "str(0)",
        "str(0..9)",
        "text(a)",
        "text(3..2)",
        "decimal(2,5)",
        "decimal(7)",
        "int(3)",
        "int(..)",
        "float(2..1)",
        "int(5..5)",
        "decimal(3,1,0)",
        "decimal(3,1,0..0.01)",
        "enum(a)",
        "ref(A)",
        "refs(A)",
    ),
    "a repeated value": of("enum(a|a)", "enum(a|b|a)"),
    "a repeated mark": of("int??", "int!!", "int?!?", "int**", "int*?*", "int?@@", "str~~"),
    "an unknown mark": of("int&", "int+", "int-", "int%"),
    "what cannot be unique": of("bool!", "text!", "json!", "enum(a|b)!", "str(601)!", "int(0..9)!"),
    "what cannot have an index": of("text*", "text(20)*", "json*", "str(601)*"),
    "what has an index already": of("int!*", "int*?!", "ref(author)*"),
    "what nobody can set": of("int@", "str(9)@", "bool*@"),
    "a mark of a list of references": of("refs(author)?", "refs(author)!", "refs(author)=1"),
    "what cannot be searched": of("int~", "email~", "json?~", "enum(a|b)~", "ref(author)~"),
    "a default where there is none": of("uuid=a", "json=1", "email=a@example.com", "ref(author)=1"),
    "a default of another type": of("int=a", "float=a", "bool=1", "date=a", "enum(a|b)=c"),
    "a default with a quote": of("str=a'", 'str=a"', "str=a\\"),
    "a default that does not fit": of(
        "int=2147483648", "decimal(3,2)=10", "text(2)=abc", "str(4..9)=abc", "int(0..9)=-1"
    ),
    "a ref to nothing": WORD.map(lambda name: (f"order note:ref({name})", f"'{name}'")),
    "a ref to itself": WORD.map(lambda name: (f"{name} note:ref({name})", f"'{name}'")),
    "a cycle": WORD.map(lambda name: (f"author {name}:ref(book)", "book -> author -> book")),
    "a field twice": WORD.map(lambda name: field(f"{name}:int {name}:text")),
    "a field like a ref's column": WORD.map(
        lambda name: (f"order {name}:ref(author) {name}_id:int", f"'{name}_id'")
    ),
    "a strange sign in a name": STRANGE.map(lambda sign: (f"or{sign}der a:int", f"or{sign}der")),
    "a strange sign in a field": STRANGE.map(lambda sign: (f"order a{sign}b:int", f"a{sign}b")),
    "Jinja": st.sampled_from(["{{1}}", "{%raw%}", "{#x#}"]).map(
        lambda code: (f"order note:{code}", code)
    ),
    "a drop of a resource that does not exist": WORD.map(lambda name: (f"-{name}", f"'{name}'")),
    "a drop with fields": WORD.map(lambda name: (f"-book {name}", f"'{name}'")),
}
