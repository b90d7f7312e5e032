"""A large service: many resources of ten fields each, in a tree of references."""

# Of most types, with each mark somewhere.
FIELDS = (
    "code:str(20)!",
    "name:str",
    "note:text?",
    "count:int=7",
    "weight:float",
    "price:decimal(10,2)=9.99",
    "active:bool=true",
    "born:date?",
    "seen_at:datetime=now",
    "token:uuid!",
    "data:json",
    "state:enum(fresh|used|gone)=used",
)
RESOURCES = 50


def name_of(number: int) -> str:
    """The name of the resource with this number; the first one has number 1."""
    return f"thing{number}"


def fields_of(number: int) -> str:
    """Ten fields, among them, in all but the first resource, a reference to an earlier one."""
    ref = [f"parent:ref({name_of(number // 2)})"] if number > 1 else []
    start = number % len(FIELDS)
    others = (FIELDS[start:] + FIELDS[:start])[: 10 - len(ref)]
    return " ".join([*others, *ref])


def resources(count: int = RESOURCES) -> dict[str, str]:
    return {name_of(number): fields_of(number) for number in range(1, count + 1)}


def line_of(number: int) -> str:
    """The line that adds the resource with this number."""
    return f"{name_of(number)} {fields_of(number)}"
