"""What takes the place of a function, property or constant that is a safeguard."""

import copy
import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

Replacement = Callable[[Any], Any]
"""Makes the substitute from the original."""

INHERITED = object()
"""A method is removed, so that the one of its base class takes its place."""


class RenamedError(Exception):
    """The safeguard is not where, or not what, the sabotage says that it is."""


def returns(value: Any) -> Replacement:
    """A function, coroutine function or property that has no effect, and this value."""

    def replacement(original: Any) -> Any:
        def function(*_: object, **__: object) -> Any:
            return copy.copy(value)

        async def coroutine(*_: object, **__: object) -> Any:
            return copy.copy(value)

        if isinstance(original, property):
            return property(function)
        if not callable(original):
            raise RenamedError("it is not a function")
        substitute = coroutine if inspect.iscoroutinefunction(original) else function
        return functools.wraps(original)(substitute)

    return replacement


def is_instead(function: Callable[..., Any]) -> Replacement:
    """Another function with the same parameters."""

    def replacement(original: Any) -> Any:
        for question in (inspect.iscoroutinefunction, _parameters):
            if question(original) != question(function):
                raise RenamedError("it has other parameters, or is a coroutine function or not")
        return function

    return replacement


def _parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def becomes(value: Any) -> Replacement:
    """Another constant of the same type."""

    def replacement(original: Any) -> Any:
        if type(original) is not type(value):
            raise RenamedError(f"it is not of the type {type(value).__name__}")
        return value

    return replacement


does_nothing = returns(None)


def inherited(original: Any) -> Any:
    return INHERITED


def replace(target: str, replacement: Replacement) -> None:
    """Replace what `package.module:name` or `package.module:Class.name` means, wherever it is used.

    Raises RenamedError if there is no such thing, or if it is of another kind.
    """
    module_name, _, path = target.partition(":")
    *outer, name = path.split(".")
    try:
        owner: Any = importlib.import_module(module_name)
        for part in outer:
            owner = getattr(owner, part)
        original = vars(owner)[name]
        substitute = replacement(original)
    except (ImportError, AttributeError, KeyError, RenamedError) as error:
        raise RenamedError(f"{target} is not what the sabotage expects: {error!r}") from error
    if substitute is INHERITED:
        delattr(owner, name)
        return
    setattr(owner, name, substitute)
    if inspect.isfunction(original):
        for user in list(sys.modules.values()):  # those that have imported it by name
            if getattr(user, name, None) is original:
                setattr(user, name, substitute)
