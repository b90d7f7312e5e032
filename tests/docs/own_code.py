"""The code in a document that a reader adds to a service, at the places that it names."""

import re
from pathlib import Path

from tests.docs.commands import blocks

PLACE = re.compile(r"^( *# Your own .+ below this line\.\n)", re.MULTILINE)
FIRST_IMPORT = re.compile(r"^(?=from |import )", re.MULTILINE)


def write_own_code(document: str, project: Path) -> list[str]:
    """Add all blocks of Python of a document to a project; return the files that they name."""
    return [write_block(block, project) for block in blocks(document, "python")]


def write_block(block: str, project: Path) -> str:
    """Add a block to the file that its first line names, and return that.

    A file that exists gets the block's imports above its own, and what follows each line that says
    where code goes, below that line. Another file gets all of the block.
    """
    heading, _, code = block.partition("\n")
    name = heading.removeprefix("# ")
    path = project / name
    imports, *additions = PLACE.split(code)
    if not additions:
        path.write_text(code)
        return name
    text = path.read_text()
    for place, own in zip(additions[::2], additions[1::2], strict=True):
        assert place in text, f"{name} has no line {place}"
        text = text.replace(place, f"{place}{own.rstrip()}\n", 1)
    if imports.strip():
        text = FIRST_IMPORT.sub(lambda _: f"{imports.strip()}\n", text, count=1)
    path.write_text(text)
    return name
