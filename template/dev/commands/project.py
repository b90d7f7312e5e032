"""The project that a command is run in, and what it says of its service."""

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any


class ProjectError(Exception):
    """There is no project to work in; the text says what to do."""


@dataclass(frozen=True)
class Project:
    """A folder whose pyproject.toml has a section [tool.dev]."""

    folder: Path

    app: str
    """The application factory, as uvicorn wants it: `app.main:create_app`."""

    settings: str
    """The class of the service's settings, in the same form."""

    def load_settings(self) -> Any:
        """The service's settings, from the environment and `.env`."""
        return resolve_name(self.settings)()


def find_project() -> Project:
    """The project of the current folder, else that of the virtual environment.

    Raises ProjectError if there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(sys.prefix).parent):
        try:
            text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        except OSError:
            continue
        section = tomllib.loads(text).get("tool", {}).get("dev")
        if section is not None:
            return Project(folder, section["app"], section["settings"])
    raise ProjectError(
        f"There is no service in {here} or above it: no pyproject.toml with a section [tool.dev]. "
        "Run the command in the folder of the service."
    )
