"""The migration of a resource that gets another plural, and so another table."""

import re
from collections.abc import Sequence

from alembic.util import CommandError

from dev.commands.new_migration import add_to_git, new_migration
from dev.template.git import Repository, TemplateError
from dev.template.renaming import Renaming


def write_migration(project: Repository, renaming: Renaming, sets: Sequence[str]) -> str | None:
    """Write a migration that renames the table, and those of its fields `sets`, and keeps their
    rows; return its path.

    None if the tables have the same names as before, or no migration has created them yet. Raises
    TemplateError if Alembic cannot add one.
    """
    old, new = renaming.plural, renaming.new_plural
    known = _words_of_migrations(project)
    if old not in known:
        return None
    sets = [field for field in sets if f"{renaming.name}_{field}" in known]
    forth = _calls(sets, (renaming.name, old), (renaming.new_name, new))
    back = _calls(sets, (renaming.new_name, new), (renaming.name, old))
    if not forth:
        return None
    try:
        path = new_migration(project, f"rename {old} to {new}")
    except CommandError as error:
        raise TemplateError(
            f"The resource was renamed, but there is no migration: {error}"
        ) from None
    text = path.read_text(encoding="utf-8")
    upgrade, _, downgrade = text.partition("def downgrade")
    text = (
        upgrade.replace("    pass", forth) + "def downgrade" + downgrade.replace("    pass", back)
    )
    # Alembic's hooks have sorted the imports, and removed those that were not used.
    functions = sorted({*re.findall("rename_[a-z]+(?=[(])", forth)})
    imports = f"\nfrom migrations.renames import {', '.join(functions)}\n"
    text = text.replace("\nrevision: str", f"{imports}\nrevision: str", 1)
    path.write_text(text, encoding="utf-8")
    return add_to_git(project, path)


def _words_of_migrations(project: Repository) -> set[str]:
    """All words of the migrations, among which is the name of each table that they create."""
    files = (project.folder / "migrations" / "versions").rglob("*.py")
    return {word for file in files for word in re.findall(r"\w+", file.read_text("utf-8"))}


def _calls(sets: Sequence[str], old: tuple[str, str], new: tuple[str, str]) -> str:
    """What gives the tables of a resource, by its old name and plural, those of the new ones."""
    (name, plural), (new_name, new_plural) = old, new
    calls = [f'rename_table("{plural}", "{new_plural}")'] if plural != new_plural else []
    for field in sets if name != new_name else ():
        table = f"{new_name}_{field}"
        calls += [
            f'rename_table("{name}_{field}", "{table}")',
            f'rename_column("{table}", "{name}_id", "{new_name}_id")',
        ]
    return "\n".join(f"    {call}" for call in calls)
