"""SQL as PostgreSQL's lexer reads it: the tokens, and the statements that they make up."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Possessive quantifiers (`*+`): a literal of ten megabytes costs one step, and no stack.
_TOKEN = re.compile(
    r"""
      (?P<data> (?<=,) (?: \s* \( (?: [\s\d.,]++ | -(?=\d) | '[^'\\]*+'
                                  | (?:null|true|false|default)\b )*+ \) ,? ){8,}+ )
    | (?P<space> \s+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<literal> [eE]'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'
                 | (?:[bBnNxX]|[uU]&)?'[^']*+(?:''[^']*+)*+' )
    | (?P<dollars> \$(?:[^\W\d]\w*)?\$ )
    | (?P<name> (?:[uU]&)?"[^"]*+(?:""[^"]*+)*+" | [^\W\d][\w$]* )
    | (?P<argument> \$\d+ )
    | (?P<number> \.?\d[\w.]* )
    | (?P<mark> :: | . )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*|\*/")


class Token(NamedTuple):
    kind: str
    """`name` (also of a keyword), `literal`, `argument`, `number`, `mark`, or `data`: rows of
    constants in the middle of an INSERT, which can be many."""

    text: str
    """As it was written, except that names without quotes are in lower case."""


Tokens = Sequence[Token]


class ParsedStatement(NamedTuple):
    tokens: list[Token]
    words: list[str]
    """The names and keywords among the tokens."""


def statements(sql: str) -> Iterator[ParsedStatement]:
    """The statements in a piece of SQL; those without a word are left out."""
    for tokens in _split(_tokens(sql)):
        words = [token.text for token in tokens if token.kind == "name"]
        if words:
            yield ParsedStatement(tokens, words)


def _tokens(sql: str) -> Iterator[Token]:
    """The tokens, without comments."""
    position = 0
    while (match := _TOKEN.match(sql, position)) is not None:
        kind, text, position = match.lastgroup or "", match.group(), match.end()
        match kind:
            case "space":
                continue
            case "comment":
                position = _end_of_comment(sql, match.start())
            case "dollars":
                end = sql.find(text, position)
                position = len(sql) if end < 0 else end + len(text)
                yield Token("literal", sql[match.start() : position])
            case "name" if not text.endswith('"'):
                yield Token(kind, text.lower())
            case _:
                yield Token(kind, text)


def _end_of_comment(sql: str, start: int) -> int:
    """Comments can be nested in PostgreSQL."""
    depth = 0
    for match in _COMMENT.finditer(sql, start):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(sql)


def _split(tokens: Iterator[Token]) -> Iterator[list[Token]]:
    """Split at each semicolon that is neither in parentheses (CREATE RULE) nor in the body of a
    function (BEGIN ATOMIC ... END)."""
    statement: list[Token] = []
    parentheses = body = 0
    for token in tokens:
        text = token.text
        if token.kind == "mark":
            if text == ";" and not parentheses and not body:
                yield statement
                statement = []
                continue
            parentheses = max(0, parentheses + (text == "(") - (text == ")"))
        elif token.kind == "name":
            if text == "atomic" and _begins_body(statement):
                body = 1
            elif body and text == "case":
                body += 1
            elif body and text == "end":
                body -= 1
        statement.append(token)
    yield statement


def _begins_body(before: list[Token]) -> bool:
    return len(before) > 1 and before[0].text == "create" and before[-1].text == "begin"


def unquoted(name: str) -> str:
    """A name without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def quoted_name(name: str) -> str:
    """A name in quotes, so that it may be any text."""
    return '"' + name.replace('"', '""') + '"'


def end_of_parentheses(tokens: Tokens, opening: int) -> int:
    """The index after the parenthesis that closes the one at `opening`."""
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind == "mark":
            depth += (tokens[index].text == "(") - (tokens[index].text == ")")
        if depth == 0:
            return index + 1
    return len(tokens)


def split_arguments(tokens: Tokens, opening: int) -> list[Tokens]:
    """The arguments of a call, of which `opening` is the index of the parenthesis."""
    arguments: list[Tokens] = []
    end = end_of_parentheses(tokens, opening) - 1
    depth, start = 0, opening + 1
    for index in range(start, end):
        kind, text = tokens[index]
        if kind == "mark":
            depth += (text in "([") - (text in ")]")
            if depth == 0 and text == ",":
                arguments.append(tokens[start:index])
                start = index + 1
    arguments.append(tokens[start:end])
    return arguments
