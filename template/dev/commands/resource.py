"""`uv run resource`: add, change, drop and list the resources of this service.

Each change is an update from the template; at the end, the command prints what is left to do.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from dev.commands.project import ProjectError, find_project
from dev.commands.update import (
    UNDO,
    UpdateError,
    check_conflicts,
    check_nothing_is_uncommitted,
    deleted_files,
    git,
    has_changes,
    list_files,
    read_resources,
    update,
)

FIELD = re.compile(r"([^:]+):[^(?!=]*(?:\([^()]*\))?([?!]*)((?:=.*)?)")
"""The name of a field, its marks and its default."""


class ResourceError(Exception):
    """The command is not possible for this resource; the message says why, and what to do."""


def main() -> None:
    """Run the command; exits with an error message if it fails or only partly succeeds."""
    options = _parser().parse_args()
    text = " ".join(" ".join(options.text).split())
    try:
        os.chdir(find_project().folder)
        match options.verb:
            case "add":
                add(text)
            case "change":
                change(text)
            case "drop":
                drop(text)
            case "list":
                list_resources()
    except (ProjectError, ResourceError, UpdateError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. To undo what has been written: {UNDO}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resource",
        description="Add, change, drop or list the resources of this service.",
        epilog='for example: resource add "order total:decimal(10,2) note:text? item:ref(item)"',
    )
    parser.set_defaults(text=[])
    verbs = parser.add_subparsers(dest="verb", metavar="add|change|drop|list", required=True)
    for verb, meaning in (
        ("add", "add a resource; fields are written as name:type"),
        ("change", "give a resource these fields, and no others"),
    ):
        line = verbs.add_parser(verb, help=meaning)
        line.add_argument("text", nargs="+", metavar="NAME FIELD...")
    dropped = verbs.add_parser("drop", help="drop a resource with all its files")
    dropped.add_argument("text", nargs=1, metavar="NAME")
    verbs.add_parser("list", help="list all resources and their fields, one resource a line")
    return parser


def add(line: str) -> None:
    """Add the resource that the line describes."""
    name = _parse_name(line)
    if name in _written_names():
        raise ResourceError(
            f"Resource '{name}' already exists; to change it: uv run resource change ..."
        )
    check_nothing_is_uncommitted()
    update(line)
    _print_next_steps(f"Added {name}", f"add {name}")


def change(line: str) -> None:
    """Give a resource the fields of the line, and no others."""
    new_name, _, fields = line.partition(" ")
    name = _parse_name(line)
    written = _find(name)
    if new_name not in (name, written):
        raise ResourceError(
            f"'{written}' cannot become '{new_name}': a different plural means a different table. "
            "Drop the resource and add it again."
        )
    check_nothing_is_uncommitted()
    before = read_resources()[written]
    update(f"{written} {fields}")
    notes = _migration_notes(before, read_resources()[written])
    _print_next_steps(f"Changed {name}", f"change {name}", *notes)


def drop(name: str) -> None:
    """Remove a resource."""
    name = name.partition("/")[0]
    _find(name)
    check_nothing_is_uncommitted()
    update(f"-{name}")
    notes = ["The migration will drop its table and all data in it."]
    tracked = git("ls-files", "--", f"app/resources/{name}").splitlines()
    remaining = [path for path in tracked if Path(path).exists()]
    if remaining:
        notes.append(list_files("These files are your own and were kept", remaining))
    _print_next_steps(f"Dropped {name}", f"drop {name}", *notes)


def list_resources() -> None:
    """Print every resource and its fields, one resource a line."""
    for name, fields in read_resources().items():
        _print(f"{name} {fields}")


def _parse_name(line: str) -> str:
    name = line.partition(" ")[0].partition("/")[0]
    if name.startswith("-"):
        raise ResourceError(
            f"'{name}' is not a valid name; to drop a resource: uv run resource drop ..."
        )
    return name


def _written_names() -> dict[str, str]:
    """The name of each resource, and how its user wrote it: `person`, and `person/people`."""
    return {written.partition("/")[0]: written for written in read_resources()}


def _find(name: str) -> str:
    """The name of a resource as its user wrote it. Raises ResourceError if there is none."""
    names = _written_names()
    if name not in names:
        existing = ", ".join(names) or "none"
        raise ResourceError(f"Resource '{name}' not found; existing resources: {existing}.")
    return names[name]


def _migration_notes(before: str, after: str) -> list[str]:
    """What autogenerate cannot know about a change of fields."""
    old, new = _parse_fields(before), _parse_fields(after)
    required = [name for name, (marks, _) in new.items() if "?" not in marks]
    without_default = [name for name in required if name not in old and not new[name][1]]
    no_longer_null = [name for name in required if name in old and "?" in old[name][0]]
    dropped = [name for name in old if name not in new]
    notes = []
    if without_default:
        notes.append(
            f"Required and without a default: {', '.join(without_default)}. On a table with rows "
            "the migration will fail: allow null at first (?), fill the rows, and require a value "
            "in a later change."
        )
    if no_longer_null:
        notes.append(
            f"No longer null: {', '.join(no_longer_null)}. The migration will fail while there are "
            "rows without a value; fill them in an earlier migration."
        )
    if dropped:
        notes.append(
            f"The migration will drop {', '.join(dropped)} and all data in it. If you only renamed "
            "a field, use op.alter_column(..., new_column_name=...) in the migration instead."
        )
    return notes


def _parse_fields(line: str) -> dict[str, tuple[str, str]]:
    """The marks and the default of each field."""
    found = [FIELD.fullmatch(word) for word in line.split()]
    return {field[1]: (field[2], field[3]) for field in found if field}


def _print_next_steps(done: str, message: str, *notes: str) -> None:
    """Print what is left to do. Raises UpdateError if there are conflicts."""
    if not has_changes():
        _print("Nothing to change: the service is like that already.")
        return
    if deleted := deleted_files():
        notes = (*notes, list_files("Deleted; they remain in git's history", deleted))
    _print(f"{done}. Create the migration, review it, and run the tests:\n")
    _print("  uv run alembic upgrade head")
    _print(f'  uv run alembic revision --autogenerate -m "{message}"')
    _print("  uv run pytest")
    for note in notes:
        _print(f"\n{note}")
    check_conflicts()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
