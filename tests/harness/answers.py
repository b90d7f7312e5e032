"""The sets of answers that the template is rendered with, each for one reason."""

TYPES = (
    "code:str note:text count:int weight:float price:decimal(10,2) active:bool born:date "
    "seen_at:datetime token:uuid data:json state:enum(new|used|gone) maker:ref(maker)"
).split()
DEFAULTS = {
    "str": "abc",
    "text": "abc",
    "int": "7",
    "float": "1.5",
    "decimal(10,2)": "9.99",
    "bool": "true",
    "date": "2024-02-29",
    "datetime": "2024-02-29T12:30:00Z",
    "enum(new|used|gone)": "used",
}

ANSWERS: dict[str, dict[str, object]] = {
    # What somebody gets who only presses Enter.
    "default": {},
    # Every type of the grammar, as it stands and with each of its marks.
    "every_field_type": {
        "resource": "",
        "resources": {
            "maker": "name:str(50)!",
            "plain": " ".join(TYPES),
            "optional": " ".join(f"{field}?" for field in TYPES),
            "unique": " ".join(f"{field}!" for field in TYPES if "json" not in field),
            "defaulted": " ".join(
                f"{field}={DEFAULTS[field.split(':')[1]]}"
                for field in TYPES
                if field.split(":")[1] in DEFAULTS
            ),
        },
    },
    "related": {
        "resource": "",
        "resources": {"author": "name:str!", "book": "title:str author:ref(author)"},
    },
    "no_resource": {"resource": ""},
    # Names that break quoting, identifiers or limits of length somewhere.
    "awkward": {
        "project_name": "3 \"Wise\" Men & Søn's <Læden>",
        "description": "Quotes \" ' & <tags>, a backslash \\, braces {{ }} and ünïcödé.",
        "resource": "",
        "resources": {
            "person/people": "name:str!",
            "quality": "label:str",
            "a_resource_with_a_name_close_to_the_limit_of_63": (
                "a_field_with_a_name_that_is_close_to_the_limit_of_63_bytes:str! "
                "another_field_with_a_name_close_to_the_limit:ref(person)"
            ),
        },
    },
}
