"""What an update did, as the commands print it."""

import os
import sys

from dev.template.git import TemplateError
from dev.template.merging import Merge
from dev.template.update import Outcome
from dev.template.writing import UNDO

CONFLICT = (
    "In each file, edit what stands on either side of ======= as you want it, and remove the lines "
    "<<<<<<<, ======= and >>>>>>>; then: git add FILE"
)


def print_changes(outcome: Outcome) -> None:
    """Print what a reviewer should know about the files, apart from conflicts."""
    merge = outcome.merge
    listed = {*merge.deleted_edits, *merge.moved_by_release}
    untouched = [path for path in outcome.deleted if path not in listed]
    moved = [f"{old} -> {new}" for old, new in merge.moved_by_release.items()]
    print_list("Deleted; they remain in git's history", untouched)
    print_list(
        "Deleted, with what you had written in them; it remains in git's history",
        merge.deleted_edits,
    )
    print_list("Moved, with what you had written in them", moved)
    print_list("Files that you have moved, and the release changes", merge.changed_where_moved)
    print_list(
        "You deleted these files, and the template changes them; they stay deleted",
        merge.stays_deleted,
    )


def print_not_renamed(outcome: Outcome) -> None:
    """Print the lines that still have the old name of a resource."""
    print_list("These lines are yours and may still mean it; rename what does", outcome.not_renamed)


def check_conflicts(merge: Merge) -> None:
    """Raises TemplateError if git could not merge some files."""
    if not merge.conflicts:
        return
    deleted = merge.deleted_by_template
    both = [path for path in merge.conflicts if path not in deleted]
    parts = []
    if both:
        title = "But first: you and the template changed the same lines of"
        parts.append(f"{list_files(title, both)}\n{CONFLICT}")
    if deleted:
        title = "The template no longer has these files, which you have edited"
        parts.append(
            f"{list_files(title, deleted)}\nCarry over what you need; then: git rm FILE, or keep "
            "it: git add FILE"
        )
    raise TemplateError("\n" + "\n".join([*parts, f"To undo everything: {UNDO}"]))


def list_files(title: str, paths: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {path}" for path in paths)])


def print_list(title: str, paths: list[str]) -> None:
    """Print a title and the paths, if there are any."""
    if paths:
        print_line(f"\n{list_files(title, paths)}")


def print_line(text: str) -> None:
    """Print a line, unless its reader has left, as `| head -1` does after the first one."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Let standard output lead nowhere, since its reader has left: neither what follows nor what
    Python flushes at its end has one."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
