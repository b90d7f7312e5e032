"""The code in a document that a reader adds to a service, at the places that it names."""

from pathlib import Path

from tests.docs.commands import blocks
from tests.update.users_work import PLACE


def write_own_code(document: str, project: Path) -> list[str]:
    """Add the document's blocks of Python to the files that their first lines name; return these.

    A block is imports, the line of the file that says where code goes, and the code; or all of a
    file that is new.
    """
    paths = []
    for block in blocks(document, "python"):
        first, _, code = block.partition("\n")
        path = first.removeprefix("# ")
        paths.append(path)
        file = project / path
        place = PLACE.search(code)
        if place is None:
            assert not file.exists(), path
            file.write_text(code)
            continue
        text = file.read_text()
        assert place[0] in text, f"{path} has no line {place[0]}"
        imports, own = code[: place.start()].rstrip(), code[place.end() :]
        text = text.replace(place[0], place[0] + own, 1)
        file.write_text(f"{imports}\n{text}" if imports else text)
    return paths
