"""The code in a document that a reader adds to a service, at the places that it names."""

import re
from pathlib import Path

from tests.docs.commands import blocks
from tests.update.users_work import PLACE

FIRST_IMPORT = re.compile(r"^(?:from|import) ", re.MULTILINE)


def write_own_code(document: str, project: Path) -> list[str]:
    """Add the document's blocks of Python to the files that their first lines name; return these.

    A block is imports, the line of the file that says where code goes, and the code; or all of the
    file.
    """
    paths = []
    for block in blocks(document, "python"):
        first, _, code = block.partition("\n")
        path = first.removeprefix("# ")
        paths.append(path)
        file = project / path
        place = PLACE.search(code)
        if place is None:
            file.write_text(code)
            continue
        text = file.read_text()
        assert place[0] in text, f"{path} has no line {place[0]}"
        own, imports = code[place.end() :], code[: place.start()].rstrip()
        text = text.replace(place[0], place[0] + own, 1)
        first_import = FIRST_IMPORT.search(text)
        assert first_import is not None
        at = first_import.start()
        file.write_text(f"{text[:at]}{imports}\n{text[at:]}" if imports else text)
    return paths
