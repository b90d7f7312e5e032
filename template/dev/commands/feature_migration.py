"""The migration of a feature whose tables have no models: the template has it, so that the first
render writes it, and this module later.
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.util import CommandError

from dev.commands.new_migration import add_to_git, new_migration
from dev.template.answers import ANSWERS_FILE, read_release, read_source
from dev.template.git import Repository, TemplateError
from dev.template.rendering import render

IDENTITY = (r'\A""".*?"""', r"^revision: [^\n]*", r"^down_revision: [^\n]*")
"""What a migration says of itself."""


def shipped_migration(project: Repository, features: list[str], name: str) -> str:
    """The migration of this name, as the first render of a service with these features writes it.

    Raises TemplateError if Copier fails.
    """
    with TemporaryDirectory(prefix="template-") as folder:
        target = Path(folder) / "render"
        source, release = read_source(project.folder), read_release(project.folder)
        answers = project.folder / ANSWERS_FILE
        render(source, release, answers, target, {"features": features}, excluded=())
        return (target / "migrations" / "versions" / name).read_text(encoding="utf-8")


def write_migration(project: Repository, message: str, text: str) -> str:
    """Write this migration as the newest one; return its path.

    Raises TemplateError if Alembic cannot add one.
    """
    try:
        path = new_migration(project, message)
    except CommandError as error:
        raise TemplateError(f"There is no migration that would {message}: {error}") from None
    new = path.read_text(encoding="utf-8")
    for pattern in IDENTITY:
        text = text.replace(_first(pattern, text), _first(pattern, new), 1)
    path.write_text(text, encoding="utf-8")
    return add_to_git(project, path)


def reversed_migration(text: str) -> str:
    """A migration whose upgrade is the downgrade of this one, and the other way round."""
    head, up, down = re.split(r"^def (?:up|down)grade\(\) -> None:\n", text, flags=re.MULTILINE)
    functions = (("upgrade", down), ("downgrade", up))
    bodies = [f"def {name}() -> None:\n{body.rstrip()}\n" for name, body in functions]
    return head + "\n\n".join(bodies)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]
