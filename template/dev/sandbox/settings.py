"""Parameters that a statement sets until the end of its transaction: SET LOCAL and set_config."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dev.sandbox.errors import COMMITTED
from dev.sandbox.sql import (
    ParsedStatement,
    Token,
    Tokens,
    end_of_parentheses,
    split_arguments,
    statements,
    unquoted,
)

UNCLEAR = (
    "it sets a parameter for the transaction, and the sandbox has to know which, to undo that when "
    "the transaction ends. Give set_config literals or arguments for its first and third argument"
)

SETTERS = r"""
    WITH functions AS MATERIALIZED (
        SELECT oid, proname, coalesce(pg_get_function_sqlbody(oid), prosrc) AS body FROM pg_proc
        WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    ), setters AS (
        SELECT * FROM functions WHERE body ~* '\mset_config\M|\mset\s+local\M'
    )
    SELECT proname AS name, body FROM setters
    UNION SELECT relname, body FROM pg_class JOIN pg_trigger ON tgrelid = pg_class.oid
        JOIN setters ON setters.oid = tgfoid
"""
"""Asks for the functions that set parameters, and the tables with triggers that call them."""

UNCLEAR_BODY = (
    "it calls a function that sets a parameter for the transaction, and the sandbox has to know "
    "which, to undo that when the transaction ends. Name it in the fixture "
    "`transaction_local_settings`"
)

UNCLEAR_PREPARED = (
    "EXECUTE would set a parameter for its transaction, which the sandbox does not see. Set it by "
    f"a statement of its own, or {COMMITTED}."
)

_SPELLED_OUT = {
    ("time", "zone"): "timezone",
    ("session", "authorization"): "session_authorization",
    ("xml", "option"): "xmloption",
    ("schema",): "search_path",
    ("names",): "client_encoding",
}
_FALSE = {"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"}


class UnclearSettingError(ValueError):
    """What is set depends on an expression that only PostgreSQL can evaluate."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the statement, such as `$1`."""

    index: int


Value = str | Argument | None
"""A literal, an argument, or (None) any other expression."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One `SET LOCAL`, or one call of `set_config`."""

    name: Value
    is_local: Value
    value: Value = None
    unclear: str = UNCLEAR
    """What to say if it is not known which parameter it is."""

    def name_if_of_session(self, arguments: Sequence[Any]) -> str | None:
        """The parameter if it is set beyond the transaction, as far as that can be known."""
        try:
            is_local = not _is_false(_evaluate(self.is_local, arguments))
            name = _evaluate(self.name, arguments)
        except UnclearSettingError:
            return None
        return name if isinstance(name, str) and not is_local else None

    def name_if_local(self, arguments: Sequence[Any]) -> str | None:
        """The parameter if it is set for the transaction only, which depends on the arguments.

        Raises UnclearSettingError if that cannot be known.
        """
        try:
            if _is_false(_evaluate(self.is_local, arguments)):
                return None
            name = _evaluate(self.name, arguments)
        except UnclearSettingError:
            raise UnclearSettingError(self.unclear) from None
        if not isinstance(name, str):
            raise UnclearSettingError(self.unclear)
        return name

    def as_sql(self, arguments: Sequence[Any]) -> str:
        """The call that sets it once more; raises UnclearSettingError if that depends on others."""
        texts = [_evaluate(value, arguments) for value in (self.name, self.value)]
        if not all(isinstance(text, str) for text in texts):
            raise UnclearSettingError(UNCLEAR)
        return set_config(*texts)


def set_config(name: str, value: str) -> str:
    """The SQL that sets a parameter for the transaction."""
    return f"SELECT set_config({_quoted(name)}, {_quoted(value)}, true)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def settings(statement: ParsedStatement) -> Iterator[Setting]:
    """The parameters that a statement sets itself; those that functions set cannot be seen."""
    match statement.words:
        case ["do", *_]:
            for body in (_literal(token) for token in statement.tokens if token.kind == "literal"):
                for inner in statements(body or ""):
                    yield from _settings_among(inner.tokens)
        case ["set" | "select" | "with" | "values" | "insert" | "update" | "delete" | "merge", *_]:
            yield from _settings_among(statement.tokens)
        case ["call" | "copy" | "declare" | "execute" | "explain" | "prepare", *_]:
            yield from _settings_among(statement.tokens)
        case ["create", "table" | "temp" | "temporary" | "unlogged", *_]:
            yield from _settings_among(statement.tokens)


def for_session(statement: ParsedStatement) -> Iterator[Setting]:
    """The parameters that SET and RESET change beyond the transaction; `all` stands for all."""
    tokens = statement.tokens
    match statement.words:
        case ["set", "session", *_] if _texts(tokens, 2)[:1] != ["authorization"]:
            found = _set_local(tokens, 2)
        case ["set", "local" | "constraints" | "transaction", *_]:
            return
        case ["set" | "reset", *_]:
            found = _set_local(tokens, 1)
        case _:
            return
    for setting in found:
        yield Setting(setting.name, "false")


def settings_of_body(body: str) -> Iterator[Setting]:
    """The parameters that the body of a function sets. Its arguments are not the statement's."""
    for statement in statements(body):
        for setting in _settings_among(statement.tokens):
            name, is_local = (
                None if isinstance(value, Argument) else value
                for value in (setting.name, setting.is_local)
            )
            yield Setting(name, is_local, unclear=UNCLEAR_BODY)


def only_sets(statement: ParsedStatement) -> bool:
    """Whether it does nothing but call `set_config`."""
    tokens = statement.tokens
    if statement.words[0] != "select":
        return False
    index = 1
    while index + 1 < len(tokens) and _calls_set_config(tokens, index):
        index = end_of_parentheses(tokens, index + 1)
        if _texts(tokens, index)[:1] == ["as"]:
            index += 2
        if index >= len(tokens):
            return True
        if tokens[index].text != ",":
            return False
        index += 1
    return False


def _settings_among(tokens: Tokens) -> Iterator[Setting]:
    for index, token in enumerate(tokens):
        if token.kind != "name":
            continue
        if token.text == "set" and _texts(tokens, index + 1)[:1] == ["local"]:
            yield from _set_local(tokens, index + 2)
        elif _calls_set_config(tokens, index):
            values = [_value(argument) for argument in split_arguments(tokens, index + 1)]
            if len(values) == 3:
                yield Setting(values[0], values[2], values[1])
            else:
                yield Setting(None, None)


def _set_local(tokens: Tokens, index: int) -> Iterator[Setting]:
    for words, name in _SPELLED_OUT.items():
        if tuple(_texts(tokens, index)[: len(words)]) == words:
            yield Setting(name, "true")
            return
    parts = []
    while index < len(tokens) and tokens[index].kind == "name":
        parts.append(unquoted(tokens[index].text))
        index += 1
        if _texts(tokens, index)[:1] != ["."]:
            break
        index += 1
    if parts:
        yield Setting(".".join(parts), "true")


def _texts(tokens: Tokens, index: int) -> list[str]:
    return [token.text for token in tokens[index : index + 2]]


def _calls_set_config(tokens: Tokens, index: int) -> bool:
    return _texts(tokens, index) in (["set_config", "("], ['"set_config"', "("])


def _value(tokens: Tokens) -> Value:
    """A constant, perhaps in parentheses or with a cast."""
    match tokens:
        case [Token("literal") as literal]:
            return _literal(literal)
        case [Token("argument", text)]:
            return Argument(int(text[1:]) - 1)
        case [Token("name", "true" | "false" as word)]:
            return word
        case [Token("mark", "("), *inner, Token("mark", ")")]:
            return _value(inner)
        case [Token("name", "cast"), Token("mark", "("), first, Token("name", "as"), *kind, _]:
            return _value([first]) if _is_type(kind) else None
        case [*inner, Token("mark", "::"), Token("name") as kind]:
            return _value(inner) if _is_type([kind]) else None
        case [*inner, Token("mark", "::"), Token("name") as first, Token("name") as second]:
            return _value(inner) if _is_type([first, second]) else None
    return None


def _is_type(tokens: Tokens) -> bool:
    """Whether a cast to this type changes no constant; one to `varchar(3)` does."""
    words = " ".join(token.text for token in tokens)
    return words in {"text", "varchar", "character varying", "bool", "boolean"}


def _literal(token: Token) -> str | None:
    text = token.text
    if text.startswith("$"):
        tag = text[: text.index("$", 1) + 1]
        return text[len(tag) : -len(tag)]
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return None


def _evaluate(value: Value, arguments: Sequence[Any]) -> Any:
    if value is None:
        raise UnclearSettingError(UNCLEAR)
    if isinstance(value, Argument):
        if value.index >= len(arguments):
            raise UnclearSettingError(UNCLEAR)
        argument = arguments[value.index]
        if not isinstance(argument, str | bool | None):  # those of executemany
            raise UnclearSettingError(UNCLEAR)
        return argument
    return value


def _is_false(value: Any) -> bool:
    """Whether PostgreSQL takes it for false; NULL counts as false for `set_config`."""
    return not value or (isinstance(value, str) and value.strip().lower() in _FALSE)
