"""The migration of a resource that gets another plural, and so another table."""

from alembic.util import CommandError

from dev.commands.new_migration import add_to_git, new_migration
from dev.template.git import Repository, TemplateError
from dev.template.renaming import Renaming


def write_migration(project: Repository, renaming: Renaming) -> str | None:
    """Write a migration that renames the table and keeps its rows; return its path.

    None if the table has the same name as before. Raises TemplateError if Alembic cannot add one.
    """
    if renaming.plural == renaming.new_plural:
        return None
    old, new = renaming.plural, renaming.new_plural
    try:
        path = new_migration(project, f"rename {old} to {new}")
    except CommandError as error:
        raise TemplateError(
            f"The resource was renamed, but there is no migration: {error}"
        ) from None
    text = path.read_text(encoding="utf-8")
    upgrade, _, downgrade = text.partition("def downgrade")
    text = (
        upgrade.replace("    pass", f'    rename_table("{old}", "{new}")')
        + "def downgrade"
        + downgrade.replace("    pass", f'    rename_table("{new}", "{old}")')
    )
    # Alembic's hooks have sorted the imports, and removed those that were not used.
    text = text.replace(
        "\nrevision: str", "\nfrom migrations.renames import rename_table\n\nrevision: str", 1
    )
    path.write_text(text, encoding="utf-8")
    return add_to_git(project, path)
