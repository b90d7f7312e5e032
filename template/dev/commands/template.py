"""`uv run template`: update this service from its template.

An update loses nothing that you wrote, whatever your git settings: see docs/updating.md of the
template. At the end, the command prints what is left to do.
"""

import argparse
import sys

from dev.commands.project import ProjectError, find_project
from dev.commands.report import check_conflicts, print_changes, print_line
from dev.template import Change, TemplateError, update
from dev.template.git import Repository
from dev.template.writing import UNDO, is_interrupted


def main() -> None:
    """Run the command; exits with an error message if it fails or only partly succeeds."""
    options = _parser().parse_args()
    try:
        project = Repository(find_project().folder)
        _update(project, Change(release=options.to))
    except (ProjectError, TemplateError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(interrupted())


def interrupted() -> str:
    """What to do after Ctrl-C."""
    if is_interrupted(Repository(find_project().folder)):
        return f"Interrupted while it was writing files. Take back what it wrote: {UNDO}"
    return "Interrupted. Nothing was changed."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="template", description="Update this service from its template."
    )
    verbs = parser.add_subparsers(dest="verb", metavar="update", required=True)
    updating = verbs.add_parser("update", help="merge a newer release into the service")
    updating.add_argument("--to", metavar="VERSION", help="a release; default: the newest one")
    return parser


def _update(project: Repository, change: Change) -> None:
    outcome = update(project, change)
    if not outcome.changed:
        print_line(f"Nothing to change: the service has release {outcome.after}.")
        return
    print_line(
        f"Updated from {outcome.before} to {outcome.after}. Follow the release's steps under "
        '"By hand", if it has any, and run the tests; nothing is committed yet:\n'
    )
    print_line("  git diff HEAD")
    print_line("  uv run alembic upgrade head")
    print_line('  uv run alembic revision --autogenerate -m "what changed"  # if models changed')
    print_line("  uv run pytest")
    print_changes(outcome)
    check_conflicts(outcome)


if __name__ == "__main__":
    main()
