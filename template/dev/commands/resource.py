"""`uv run resource`: add, change, rename, drop and list the resources of this service.

Each change is an update from the template; at the end, the command prints what is left to do.
"""

import argparse
import re
import sys

from dev.commands.project import ProjectError, find_project
from dev.commands.report import (
    check_conflicts,
    print_changes,
    print_line,
    print_list,
    print_not_renamed,
)
from dev.commands.resource_lines import (
    LineError,
    attributes,
    edit,
    is_edit,
    migration_notes,
    parse_fields,
)
from dev.commands.template import interrupted
from dev.template.answers import read_resources
from dev.template.git import Repository, TemplateError
from dev.template.update import Change, Outcome, check_repository, update
from dev.template.writing import completing

VERBS = {
    "add": ("NAME FIELD...", "add a resource; fields are written as name:type"),
    "change": (
        "NAME FIELD...",
        "give a resource these fields, and no others, or say what changes: +field -field field",
    ),
    "rename": ("NAME NEW_NAME[/PLURAL]", "give a resource another name, or another plural"),
    "drop": ("NAME", "drop a resource with all its files"),
}
"""Each verb that changes the service: what follows it, and what it does."""

OWN_COLUMNS = "# Your own columns, relationships and methods"


class ResourceError(Exception):
    """The command is not possible for this resource; the message says why, and what to do."""


def main() -> None:
    """Run the command; exits with an error message if it fails or only partly succeeds."""
    options = _parser().parse_args()
    words = [word for word in options.text if word != "--"]
    text = " ".join(" ".join(words).split())
    try:
        resources = Resources(Repository(find_project().folder))
        if options.verb in VERBS:
            resources.check_possible(options.verb, text)
        match options.verb:
            case "add":
                resources.add(text)
            case "change":
                resources.change(text)
            case "rename":
                resources.rename(text)
            case "drop":
                resources.drop(text)
            case "list":
                resources.print()
    except (ProjectError, ResourceError, TemplateError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(interrupted())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resource",
        description="Add, change, rename, drop or list the resources of this service.",
        epilog='for example: resource add "order total:decimal(10,2) note:text? item:ref(item)"',
    )
    parser.set_defaults(text=[])
    verbs = parser.add_subparsers(dest="verb", metavar="add|change|rename|drop|list", required=True)
    for verb, (words, meaning) in VERBS.items():
        line = verbs.add_parser(verb, help=meaning, description=meaning)
        # So that a word which starts with a hyphen is no option.
        line.add_argument("text", nargs=argparse.REMAINDER, metavar=words)
    verbs.add_parser("list", help="list all resources and their fields, one resource a line")
    return parser


class Resources:
    """The resources of a service."""

    def __init__(self, project: Repository) -> None:
        self.project = project

    def check_possible(self, verb: str, text: str) -> None:
        """Raises ResourceError or TemplateError if the verb is not possible for any resource."""
        if not text:
            words, _ = VERBS[verb]
            raise ResourceError(f"Name the resource: uv run resource {verb} {words}")
        check_repository(self.project)

    def add(self, line: str) -> None:
        """Add the resource that the line describes."""
        name = _parse_name(line)
        if name in self._written_names():
            raise ResourceError(
                f"Resource '{name}' already exists; to change it: uv run resource change ..."
            )
        outcome = self._update(line)
        _print_next_steps(outcome, f"Added {name}", f"add {name}")

    def change(self, line: str) -> None:
        """Give a resource the fields of the line, and no others, or those that it edits."""
        new_name, _, fields = line.partition(" ")
        name = _parse_name(line)
        written = self._find(name)
        if new_name not in (name, written):
            raise ResourceError(
                f"'{written}' cannot become '{new_name}': a different plural means a different "
                f"table. To rename it: uv run resource rename {name} {new_name}"
            )
        before = self._read()[written]
        if is_edit(fields):
            try:
                fields = edit(before, fields)
            except LineError as error:
                raise ResourceError(f"Resource '{name}': {error}.") from None
        self._check_own_columns(name, before, fields)
        outcome = self._update(f"{written} {fields}")
        notes = migration_notes(before, self._read()[written])
        _print_next_steps(outcome, f"Changed {name}", f"change {name}", *notes)

    def rename(self, text: str) -> None:
        """Give a resource another name or plural, in the user's own code as well."""
        name, _, new_written = text.partition(" ")
        written = self._find(name)
        new_name = new_written.partition("/")[0]
        if not new_name or " " in new_written:
            raise ResourceError("Write the new name: uv run resource rename NAME NEW_NAME[/PLURAL]")
        if new_name != name and new_name in self._written_names():
            raise ResourceError(f"Resource '{new_name}' already exists.")
        answers = {
            "resource": "",
            "resources": {
                new_written if one == written else one: re.sub(
                    rf":(refs?)\({name}\)", rf":\1({new_name})", fields
                )
                for one, fields in self._read().items()
            },
        }
        change = Change(answers, renaming=(name, new_name), complete=False)
        outcome = update(self.project, change)
        with completing(self.project):
            if not outcome.changed or outcome.renaming is None:
                print_line("Nothing to change: the service is like that already.")
                return
            # Alembic is imported only here, since that takes most of a second.
            from dev.commands.rename_migration import write_migration  # noqa: PLC0415

            fields = parse_fields(self._read()[new_written]).values()
            sets = [field.name for field in fields if field.is_set]
            migration = write_migration(self.project, outcome.renaming, sets)
        print_line(f"Renamed {name} to {new_name}. Review what has changed, and run the tests:\n")
        print_line("  git diff HEAD")
        print_line("  uv run pytest")
        if migration is not None:
            print_line(f"\n{migration} renames the table with its constraints, and keeps all rows.")
        elif outcome.renaming.plural != outcome.renaming.new_plural:
            print_line(
                "\nNo migration has created its table yet. Create it: "
                f'uv run alembic revision --autogenerate -m "add {new_name}"'
            )
        print_changes(outcome)
        print_not_renamed(outcome)
        check_conflicts(outcome.merge)

    def _check_own_columns(self, name: str, before: str, fields: str) -> None:
        """Raises ResourceError if a new field has the name of something in the user's own code."""
        path = self.project.folder / "app" / "resources" / name / "models.py"
        if not path.exists():
            return
        own = path.read_text(encoding="utf-8").partition(OWN_COLUMNS)[2]
        names = re.findall(r"^    (?:async def |def )?(\w+) ?[:(=]", own, re.MULTILINE)
        new = attributes(fields) - attributes(before)
        taken = sorted(new & {*names})
        if taken:
            raise ResourceError(
                f"Resource '{name}' already has '{taken[0]}' in your own code, in "
                f"app/resources/{name}/models.py; remove it there first, or choose another name."
            )

    def drop(self, name: str) -> None:
        """Remove a resource."""
        name = name.partition("/")[0]
        self._find(name)
        outcome = self._update(f"-{name}", delete_edited=True)
        own = self.project.paths("ls-files", "-z", "--", f"app/resources/{name}")
        module = rf"(resources|factories)\.{name}\b"
        importing = self.project.git(
            "grep", "--line-number", "--extended-regexp", module, "--", "*.py", codes=(0, 1)
        )
        note = "The migration will drop its table and all data in it."
        _print_next_steps(outcome, f"Dropped {name}", f"drop {name}", note)
        print_list("These files are your own and were kept", own)
        print_list("These lines still import it", importing.splitlines())

    def print(self) -> None:
        """Print every resource and its fields, one resource a line."""
        for name, fields in self._read().items():
            print_line(f"{name} {fields}")

    def _read(self) -> dict[str, str]:
        return read_resources(self.project.folder)

    def _written_names(self) -> dict[str, str]:
        """The name of each resource, and how its user wrote it: `person`, and `person/people`."""
        return {written.partition("/")[0]: written for written in self._read()}

    def _find(self, name: str) -> str:
        """The name of a resource as its user wrote it. Raises ResourceError if there is none."""
        names = self._written_names()
        if name not in names:
            existing = ", ".join(names) or "none"
            raise ResourceError(f"Resource '{name}' not found; existing resources: {existing}.")
        return names[name]

    def _update(self, line: str, *, delete_edited: bool = False) -> Outcome:
        change = Change({"resource": line}, delete_edited=delete_edited)
        return update(self.project, change)


def _parse_name(line: str) -> str:
    name = line.partition(" ")[0].partition("/")[0]
    if name.startswith("-"):
        raise ResourceError(
            f"'{name}' is not a valid name; to drop a resource: uv run resource drop ..."
        )
    return name


def _print_next_steps(outcome: Outcome, done: str, message: str, *notes: str) -> None:
    """Print what is left to do. Raises TemplateError if there are conflicts."""
    if not outcome.changed:
        print_line("Nothing to change: the service is like that already.")
        return
    print_line(f"{done}. Create the migration, review it, and run the tests:\n")
    print_line("  uv run alembic upgrade head")
    print_line(f'  uv run alembic revision --autogenerate -m "{message}"')
    print_line("  uv run pytest")
    for note in notes:
        print_line(f"\n{note}")
    print_changes(outcome)
    check_conflicts(outcome.merge)


if __name__ == "__main__":
    main()
