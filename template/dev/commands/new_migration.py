"""A new migration, to be filled in."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config

from dev.template.git import Repository


def new_migration(project: Repository, message: str) -> Path:
    """Write a migration that does nothing yet. Raises CommandError of Alembic if it cannot."""
    config = Config(toml_file=project.folder / "pyproject.toml")
    with redirect_stdout(StringIO()):
        script = command.revision(config, message)
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


def add_to_git(project: Repository, migration: Path) -> str:
    """Have git take it back with all else; return its path in the project."""
    project.git("add", "--force", "--", str(migration))  # whatever the user's git ignores
    return str(migration.relative_to(project.folder))
