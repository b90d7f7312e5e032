"""Makes Copier take a third of the time to render, in this process.

For each render, Copier compiles a thousand Jinja sources, and asks git for each file whether its
mode has to be set in the index. It renders each part of each path, and for each of them the name of
the file of answers, though few have any Jinja in them.
"""

import atexit
import importlib
import marshal
import os
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

from jinja2 import Environment

_compile = Environment.compile
_compiled: dict[tuple[object, ...], CodeType] = {}


def render_quickly() -> None:
    """Reuse what was compiled before, render only what has Jinja, and do not ask git: where a
    project is rendered, there is no index yet."""
    mock.patch.object(Environment, "compile", _compile_or_remember).start()
    mock.patch("copier._main.is_git_available", return_value=False).start()
    _render_only_jinja(importlib.import_module("copier._main").Worker)


def _render_only_jinja(worker: Any) -> None:
    render_string = worker._render_string  # noqa: SLF001

    def render(self: Any, string: str, extra_context: Any = None) -> str:
        if "{" in string:
            rendered: str = render_string(self, string, extra_context)
            return rendered
        self.jinja_env.preprocess(string)  # which ends a `yield`, as below
        return string

    def answers_file(self: Any) -> Path:
        return Path(render(self, str(self.answers_file or self.template.answers_relpath)))

    worker._render_string = render  # noqa: SLF001
    worker.answers_relpath = property(answers_file)


def _compile_or_remember(
    self: Environment, source: Any, name: Any = None, filename: Any = None, *options: Any
) -> Any:
    if "{% yield" in source:  # Copier's own tag, which acts when it is compiled
        return _compile(self, source, name, filename, *options)
    self.preprocess(source, name, filename)  # and which this ends
    # The file is that of a clone, which each render has for itself; only tracebacks show it.
    key = (type(self).__name__, *sorted(self.extensions), source, name, *options)
    if key not in _compiled:
        _compiled[key] = _compile(self, source, name, filename, *options)
    return _compiled[key]


def share_compiled(file: Path) -> None:
    """Reuse what earlier processes compiled, and save what this one compiles for later ones."""
    if file.exists():
        _compiled.update(marshal.loads(file.read_bytes()))
    known = len(_compiled)

    def save() -> None:
        if len(_compiled) > known:
            unfinished = file.with_name(f"{file.name}.{os.getpid()}")
            unfinished.write_bytes(marshal.dumps(_compiled))
            unfinished.replace(file)

    atexit.register(save)
