"""Compiles each of the template's thousand Jinja sources once, not for every project."""

from typing import Any

import pytest
from jinja2 import Environment

_compile = Environment.compile
_compiled: dict[tuple[object, ...], Any] = {}


def compile_once() -> None:
    """Let Copier use what an earlier render in this process has compiled."""
    pytest.MonkeyPatch().setattr(Environment, "compile", _compile_or_remember)


def _compile_or_remember(
    self: Environment, source: Any, name: Any = None, filename: Any = None, *options: Any
) -> Any:
    if "{% yield" in source:  # Copier's own tag, which acts when it is compiled
        return _compile(self, source, name, filename, *options)
    self.preprocess(source, name, filename)  # and which this ends
    # The file is that of a clone, which each render has for itself; only tracebacks show it.
    key = (type(self), *sorted(self.extensions), source, name, *options)
    if key not in _compiled:
        _compiled[key] = _compile(self, source, name, filename, *options)
    return _compiled[key]
