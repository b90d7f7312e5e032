"""The texts in a project's Python that tell a user what is wrong."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCES = (
    *("app/**/*.py", "dev/**/*.py", "migrations/**/*.py", "tests/fixtures/*.py"),
    *("tests/factories/*.py", "tests/integration/test_migrations.py"),
)

RAISES = re.compile(r"(Error|Exception|error|exit|fail|lose|refuse|warning|problem_response)$")
"""The end of a call's name whose arguments are messages, however short."""

REPORTS = {"print_line", "print_list"}
"""Functions that print what a command has done."""

DESCRIPTIONS = {"description", "epilog", "help", "title"}
"""Keywords with texts about an option or a field."""

PROSE = re.compile(r"(?:(?<= )|^)(?:[a-z][a-z']*[,;:]? ){3}[a-z]")
CODE = re.compile(r"\\|::|\n {4}|[a-z]_[a-z]+ [a-z]+_[a-z]")
"""Regular expressions, SQL and lists of names."""


def messages(project: Path) -> Iterator[tuple[str, str]]:
    """Where each message is, and its text, in which `<>` stands for what is filled in."""
    for source in SOURCES:
        for path in sorted(project.glob(source)):
            for node, is_raised in _texts(ast.parse(path.read_text()), is_raised=False):
                text = normalized(_written(node))
                if _is_message(text, is_raised=is_raised):
                    yield f"{path.relative_to(project)}:{node.lineno}", text


def normalized(text: str) -> str:
    """A text on one line, without marks of code, and with `<>` for all that is filled in."""
    filled_in = re.sub(r"(?:\s*(?:<[^<>]*>|%s|\{\w*\})\s*)+", "<>", text.replace("`", ""))
    return " ".join(filled_in.split())


def _is_message(text: str, *, is_raised: bool) -> bool:
    if text.startswith(",") or CODE.search(text):  # the former is a part of another one
        return False
    if is_raised:
        return re.search(r"\w.*( |<>)", text) is not None
    return PROSE.search(text.replace("<>", " it ")) is not None


def _texts(node: ast.AST, *, is_raised: bool) -> Iterator[tuple[ast.expr, bool]]:
    """Each text below a node, and whether a call takes it that raises or logs it."""
    match node:
        case ast.Expr(ast.Constant()):  # a docstring
            return
        case ast.keyword(arg=name) if name in DESCRIPTIONS:
            return
        case ast.Constant(str()) | ast.JoinedStr():
            yield node, is_raised
            return
        case ast.Call():
            name = ast.unparse(node.func)
            if name in REPORTS:
                return
            is_raised = is_raised or RAISES.search(name) is not None
    for child in ast.iter_child_nodes(node):
        yield from _texts(child, is_raised=is_raised)


def _written(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_written, node.values))
    return str(node.value) if isinstance(node, ast.Constant) else "<>"
