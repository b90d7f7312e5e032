"""The project in which a command runs, and what its pyproject.toml says about the service."""

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any


class ProjectError(Exception):
    """The command does not run in a project that it can read; the message says what to do."""


@dataclass(frozen=True)
class Project:
    """A folder with a pyproject.toml that has a section [tool.dev]."""

    folder: Path

    app: str
    """The application factory in uvicorn's notation: `app.main:create_app`."""

    settings: str
    """The class of the service's settings, in the same notation."""

    models: str
    """The base class of its models."""

    seeds: str
    """The function that writes rows for development; its module need not exist."""

    def load_settings(self) -> Any:
        """Load the service's settings from the environment and `.env`."""
        return resolve_name(self.settings)()


def find_project() -> Project:
    """Return the project of the current folder, else that of the virtual environment.

    Raises ProjectError if there is none, or it cannot be read.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(sys.prefix).parent):
        path = folder / "pyproject.toml"
        try:
            section = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("dev")
        except OSError:
            continue
        except tomllib.TOMLDecodeError as error:
            raise ProjectError(f"{path} is not valid TOML: {error}") from None
        if section is not None:
            names = ("app", "settings", "models", "seeds")
            missing = [name for name in names if name not in section]
            if missing:
                raise ProjectError(f"[tool.dev] in {path} lacks: {', '.join(missing)}")
            return Project(folder, *(section[name] for name in names))
    raise ProjectError(
        f"No service found in {here} or above: no pyproject.toml has a section [tool.dev]. "
        "Run the command in the folder of the service."
    )
