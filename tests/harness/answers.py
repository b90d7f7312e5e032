"""The sets of answers that the template is rendered with, each for one reason."""

FEATURES = ["auth", "jobs", "mail", "realtime", "tenancy"]
"""All of them."""

# A field of every type, and a default for it if the type can have one.
FIELDS = {
    "code:str(20)": "abc",
    "name:str": "abc",
    "title:str(2..20)": "abc",
    "note:text": "abc",
    "remark:text(5000)": "abc",
    "summary:text(1..5000)": "abc",
    "contact:email": None,
    "website:url": None,
    "count:int": "7",
    "rank:int(1..1000)": "7",
    "weight:float": "1.5",
    "share:float(0..1)": "0.5",
    "price:decimal(10,2)": "9.99",
    "discount:decimal(5,2,0..)": "9.99",
    "active:bool": "true",
    "born:date": "2024-02-29",
    "seen_at:datetime": "2024-02-29T12:30:00Z",
    "token:uuid": None,
    "data:json": None,
    "state:enum(fresh|used|gone)": "used",
    "maker:ref(maker)": None,
    "helpers:refs(maker)": None,
}
# Too long for an index.
NEVER_INDEXED = ("text", "json")
# That, or with only a few values.
NEVER_UNIQUE = (*NEVER_INDEXED, "bool", "enum")
# References have an index without a mark.
NEVER_MARKED = (*NEVER_INDEXED, "ref")
SEARCHED = ("str", "text")


def index_mark(field: str) -> str:
    """The mark for an index, if the field can have it."""
    return "" if field.partition(":")[2].startswith(NEVER_MARKED) else "*"


def may_be_null(field: str) -> str:
    """The mark for that, which lists of references do not have."""
    return "" if field.partition(":")[2].startswith("refs") else "?"


def unique_mark(field: str) -> str:
    """The mark for a unique field, which lists of references do not have."""
    return "" if field.partition(":")[2].startswith("refs") else "!"


def list_marks(field: str) -> str:
    """The marks for an index and for the search, if the field can have them."""
    return index_mark(field) + ("~" if field.partition(":")[2].startswith(SEARCHED) else "")


def resources_of(fields: dict[str, str | None]) -> dict[str, str]:
    """Resources that have these fields as they stand, and with each mark that they can have."""
    return {
        "plain": " ".join(fields),
        "optional": " ".join(f"{field}{may_be_null(field)}{list_marks(field)}" for field in fields),
        "unique": " ".join(
            f"{field}{unique_mark(field)}"
            for field in fields
            if not field.partition(":")[2].startswith(NEVER_UNIQUE)
        ),
        "indexed": " ".join(f"{field}{index_mark(field)}" for field in fields),
        "defaulted": " ".join(
            f"{field}={value}" for field, value in fields.items() if value is not None
        ),
    }


ANSWERS: dict[str, dict[str, object]] = {
    # What a user gets who only presses Enter.
    "default": {},
    # Every type of the grammar, as it stands and with each of its marks.
    "every_field_type": {
        "resource": "",
        "resources": {
            "maker": "name:str(50)!",
            **resources_of(FIELDS),
            "without_columns": "makers:refs(maker)",
        },
    },
    "related": {
        "resource": "",
        "resources": {
            "author": "name:str!",
            "book": "title:str author:ref(author) translator:ref(author)? critics:refs(author)",
            "review": (
                "text:text~ state:enum(new|seen)*@=new book:ref(book) seen_at:datetime?*@ "
                "seen_by:ref(author)?@ code:uuid?!@ score:decimal(3,1,0..10)?*=5 "
                "kind:enum(short|long)?=long at:datetime?*=now"
            ),
        },
    },
    "no_resource": {"resource": ""},
    # Names that break quoting, identifiers or limits of length somewhere.
    "awkward": {
        "project_name": '3 "Wise" Men & Søn\'s <Læden>',
        "description": (
            "Quotes \" ' & <tags>, a backslash \\, braces {{ }} and ünïcödé \u2013 with a dash "
            "\u2013 and more\u2019s to come, since nobody said how long a description may be."
        ),
        "resource": "",
        "resources": {
            "person/people": "name:str!",
            "quality": "label:str",
            "resource_whose_name_has_forty_characters": (
                "unique_field:str! field_whose_name_has_forty_characters_xx:int ref:ref(person)"
            ),
            "row": (
                "a_reference_whose_name_has_37_letters:ref(resource_whose_name_has_forty_characters)"
            ),
        },
    },
}
