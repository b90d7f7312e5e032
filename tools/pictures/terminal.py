"""A picture of a terminal: a command, and what it has printed in colors."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from operator import itemgetter

from tools.pictures.svg import MONOSPACE, picture

COLUMNS = 100
CHARACTER = 7.8  # pixels
LINE = 19
MARGIN = 20
TOP = 62

STYLE = f"""
.frame {{ fill: #0d1117; stroke: #3d444d }}
text {{ font: 13px {MONOSPACE}; fill: #d1d7e0 }}
.red {{ fill: #ff7b72 }} .green {{ fill: #7ee787 }} .yellow {{ fill: #e3b341 }}
.cyan {{ fill: #76e3ea }} .bold {{ font-weight: bold }} .gray {{ fill: #7d8590 }}
"""
NAMES = {"1": "bold", "31": "red", "32": "green", "33": "yellow", "36": "cyan", "90": "gray"}
PIECE = re.compile(r"\x1b\[([\d;]*)m|([^\x1b]+)")


def terminal(title: str, command: str, output: str) -> str:
    """The picture; `output` may have colors as terminals write them. Long lines are wrapped."""
    rows = [f"\x1b[90m$ \x1b[0;1m{command}\x1b[0m", *output.splitlines()]
    lines = [line for row in rows for line in _wrapped(row)]
    dots = [
        f'<circle cx="{MARGIN + 6 + 20 * index}" cy="22" r="6" fill="{color}"/>'
        for index, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    ]
    texts = [
        f'<text xml:space="preserve" x="{MARGIN}" y="{TOP + LINE * number}">{line}</text>'
        for number, line in enumerate(lines)
    ]
    width = round(2 * MARGIN + COLUMNS * CHARACTER)
    height = TOP + LINE * (len(lines) - 1) + MARGIN
    return picture(title, width, height, STYLE, [*dots, *texts])


def _wrapped(row: str) -> Iterator[str]:
    """The lines of a row, as marked-up pieces, broken between words."""
    characters: list[tuple[str, str]] = []  # each with its classes
    kind = ""
    for codes, content in PIECE.findall(row):
        if content:
            characters += [(kind, character) for character in content]
        else:
            kind = _kind(kind, codes)
    plain = "".join(character for _, character in characters)
    indent = len(plain) - len(plain.lstrip()) + 2
    start, left = 0, COLUMNS
    while len(plain) - start > left:
        end = plain.rfind(" ", start, start + left)
        yield " " * (COLUMNS - left) + _marked(characters[start:end])
        start, left = end + 1, COLUMNS - indent
    yield " " * (COLUMNS - left) + _marked(characters[start:])


def _marked(characters: list[tuple[str, str]]) -> str:
    return "".join(
        _piece(kind, "".join(character for _, character in piece))
        for kind, piece in groupby(characters, key=itemgetter(0))
    )


def _piece(kind: str, content: str) -> str:
    marked = escape(content, quote=False)
    return f'<tspan class="{kind}">{marked}</tspan>' if kind else marked


def _kind(kind: str, codes: str) -> str:
    """The classes after a sequence that changes colors."""
    for code in codes.split(";"):
        name = NAMES.get(code)
        kind = f"{kind} {name}".strip() if name else ""
    return kind
