"""The mutants of a module: its code with one small change, as a mistake would make it."""

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

Nodes = Iterator[ast.AST | None]
"""What takes a node's place; None if it is left out."""

OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
CALCULATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
}
WORDING = {"description", "title", "examples", "summary", "tags", "name", "detail", "doc"}
"""Keywords of calls, and keys, whose values people read: no test should depend on them."""

CHECKED_BY_MYPY = {"TypeVar", "dataclass"}
"""Calls whose arguments only type checkers need: mypy reports what assigns to a frozen field."""


@dataclass(frozen=True)
class Mutant:
    path: str
    """Of the module, relative to the project."""

    line: int
    definition: str
    """The name of the function, class or variable that changes, such as `Crud.get`."""

    before: str
    after: str
    source: str
    """The whole module with the change."""

    @property
    def module(self) -> str:
        """The name by which it is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.definition}: {self.change}"

    @property
    def change(self) -> str:
        return f"{self.before} -> {self.after or '(left out)'}"


def mutants_of(path: Path, root: Path) -> Iterator[Mutant]:
    """All mutants of a module."""
    tree = ast.parse(path.read_text())
    for place in _places(tree):
        for replacement in place.replacements():
            yield place.mutant(tree, replacement, str(path.relative_to(root)))


@dataclass(frozen=True)
class _Place:
    """Where a node stands: in a field of its parent, or in a list there."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    definition: str

    def replacements(self) -> Nodes:
        for kind, replace in _REPLACEMENTS.items():
            if isinstance(self.node, kind):
                yield from replace(self.node)

    def mutant(self, tree: ast.Module, replacement: ast.AST | None, path: str) -> Mutant:
        content = getattr(self.parent, self.field)
        if self.index is None:
            changed: object = replacement
        else:
            new = [] if replacement is None else [replacement]
            changed = content[: self.index] + new + content[self.index + 1 :]
            if changed == [] and self.field == "body":
                changed = [ast.Pass()]
        setattr(self.parent, self.field, changed)
        try:
            source = ast.unparse(ast.fix_missing_locations(tree))
        finally:
            setattr(self.parent, self.field, content)
        after = "" if replacement is None else _text(replacement)
        line = getattr(self.node, "lineno", 0)
        return Mutant(path, line, self.definition, _text(self.node), after, source)


def _places(node: ast.AST, definition: str = "") -> Iterator[_Place]:
    """All places in a tree at which tests may notice a change."""
    for field, content in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_params", "type"):
            continue
        children = list(enumerate(content)) if isinstance(content, list) else [(None, content)]
        for index, child in children:
            if isinstance(child, ast.AST) and not _is_wording(node, child):
                inner = _definition(child, definition)
                yield _Place(node, field, index, child, inner)
                yield from _places(child, inner)


def _definition(node: ast.AST, outer: str) -> str:
    match node:
        case (
            ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
            | ast.ClassDef(name=name)
            | ast.Assign(targets=[ast.Name(id=name)])
            | ast.AnnAssign(target=ast.Name(id=name))
        ):
            return f"{outer}.{name}".lstrip(".")
    return outer


def _is_wording(parent: ast.AST, child: ast.AST) -> bool:
    match parent, child:
        case _, ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.Call(func=ast.Name(id=name)), _ if name in CHECKED_BY_MYPY:
            return True
        case _, ast.keyword(arg=name):
            return name in WORDING
        case _, ast.Import() | ast.ImportFrom():
            return True
        case _, ast.Assign(targets=[ast.Name(id=name)]):
            return name in ("__all__", "logger")
        case ((ast.JoinedStr() | ast.FormattedValue()), _):
            return True
        case ast.Subscript(value=ast.Name(id=name)), _:  # a type
            return name[:1].isupper() and name not in ("Annotated", "Literal")
    return False


def _compare(node: ast.Compare) -> Nodes:
    for index, operator in enumerate(node.ops):
        changed = deepcopy(node)
        changed.ops[index] = OPPOSITES[type(operator)]()
        yield changed


def _bool_op(node: ast.BoolOp) -> Nodes:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield ast.BoolOp(other, node.values)


def _bin_op(node: ast.BinOp) -> Nodes:
    if (other := CALCULATIONS.get(type(node.op))) is not None:
        yield ast.BinOp(node.left, other(), node.right)
    # Of dictionaries, sets and flags; in `str | None` it makes a type, which mypy checks.
    is_type = isinstance(node.right, ast.Constant) and node.right.value is None
    if isinstance(node.op, ast.BitOr) and not is_type:
        yield node.left


def _not(node: ast.UnaryOp) -> Nodes:
    if isinstance(node.op, ast.Not):
        yield node.operand


def _constant(node: ast.Constant) -> Nodes:
    match node.value:
        case bool(value):
            yield ast.Constant(not value)
        case int(value) | float(value):
            yield ast.Constant(value + 1)
        case str(value) if " " not in value:  # else a sentence
            yield ast.Constant(f"{value}x")


def _condition(node: ast.If | ast.IfExp | ast.While) -> Nodes:
    changed = deepcopy(node)
    changed.test = ast.UnaryOp(ast.Not(), changed.test)
    yield changed


def _statement(_: ast.AST) -> Nodes:
    yield None


def _return(node: ast.Return) -> Nodes:
    if node.value is not None and not isinstance(node.value, ast.Constant):
        yield ast.Return(ast.Constant(None))


def _call(node: ast.Call) -> Nodes:
    if isinstance(node.func, ast.Name) and node.func.id in CHECKED_BY_MYPY:
        return
    for index, keyword in enumerate(node.keywords):
        if keyword.arg not in WORDING and keyword.arg is not None:
            changed = deepcopy(node)
            del changed.keywords[index]
            yield changed


_REPLACEMENTS: dict[type[ast.AST] | tuple[type[ast.AST], ...], Callable[..., Nodes]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.BinOp: _bin_op,
    ast.UnaryOp: _not,
    ast.Constant: _constant,
    (ast.If, ast.IfExp, ast.While): _condition,
    (ast.Expr, ast.Raise, ast.AugAssign, ast.Delete): _statement,
    ast.Return: _return,
    ast.Call: _call,
}


def _text(node: ast.AST) -> str:
    lines = ast.unparse(node).splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]} ..."
