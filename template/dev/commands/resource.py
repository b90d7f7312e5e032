"""`uv run resource`: add, change, drop and list the resources of this service.

Each change is an update from the template that the service came from, at the version that it has.
Copier makes it, which uv brings; what is to be done by hand afterwards is said at the end.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from dev.commands.project import ProjectError, find_project

ANSWERS = Path(".copier-answers.yml")
COPIER = "copier>=9.19"
TAKE_BACK = "git restore --source=HEAD --staged --worktree . && git clean --force -d ."
FIELD = re.compile(r"([^:]+):[^(?!=]*(?:\([^()]*\))?([?!]*)((?:=.*)?)")


class ResourceError(Exception):
    """It cannot be done, or not quite; the text says why, and what to do."""


def main() -> None:
    """Do what the command line says; exits with a sentence if it cannot be done."""
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
                show()
    except (ProjectError, ResourceError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. To take back what has been written: {TAKE_BACK}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resource",
        description="Add, change, drop or list the resources of this service.",
        epilog='for example: resource add "order total:decimal(10,2) note:text? item:ref(item)"',
    )
    parser.set_defaults(text=[])
    verbs = parser.add_subparsers(dest="verb", metavar="add|change|drop|list", required=True)
    for verb, meaning in (
        ("add", "a new one, with fields written as name:type"),
        ("change", "one that is there, to have these fields and no others"),
    ):
        line = verbs.add_parser(verb, help=meaning)
        line.add_argument("text", nargs="+", metavar="NAME FIELD...")
    dropped = verbs.add_parser("drop", help="one with all its files")
    dropped.add_argument("text", nargs=1, metavar="NAME")
    verbs.add_parser("list", help="every one and its fields, one a line")
    return parser


def add(line: str) -> None:
    """Add the resource that the line describes."""
    known = _known()
    name = _name(line)
    if name in known:
        raise ResourceError(f"There is a resource '{name}' already: uv run resource change ...")
    _check_repository()
    _update(line)
    _finish(f"{name} is added", f"add {name}")


def change(line: str) -> None:
    """Give a resource the fields of the line, and no others."""
    head, _, fields = line.partition(" ")
    known = _known()
    name = _name(line)
    key = _key(name, known)
    if head not in (name, key):
        raise ResourceError(
            f"'{key}' cannot become '{head}', since another plural is another table: drop it and "
            "add it anew."
        )
    _check_repository()
    before = remembered()[key]
    _update(f"{key} {fields}")
    _finish(f"{name} is changed", f"change {name}", *_notes(before, remembered()[key]))


def drop(name: str) -> None:
    """Remove a resource."""
    name = name.partition("/")[0]
    _key(name, _known())
    _check_repository()
    _update(f"-{name}")
    notes = ["The migration will drop its table with all that is in it."]
    left = _git("ls-files", "--", f"app/resources/{name}").splitlines()
    left = [path for path in left if Path(path).exists()]
    if left:
        notes.append(_listed("These are your own and stay", left))
    _finish(f"{name} is dropped", f"drop {name}", *notes)


def show() -> None:
    """Print every resource and its fields, one a line."""
    for name, fields in remembered().items():
        _say(f"{name} {fields}")


def remembered() -> dict[str, str]:
    """The resources that the answers file holds, each as it was written, and their fields."""
    section = re.search(r"^resources:\n((?: .*\n)*)", _answers(), re.MULTILINE)
    entries = re.findall(r"^ +(.+?): (.+)$", section[1], re.MULTILINE) if section else []
    # YAML quotes what would mean something else without; there are no quotes within.
    return {name.strip("'"): fields.strip("'") for name, fields in entries}


def _answers() -> str:
    try:
        return ANSWERS.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ResourceError(
            f"{ANSWERS.resolve()} is missing, which says where the template is and what it was "
            "told; bring it back from git's history."
        ) from None


def _known() -> dict[str, str]:
    """Each resource's name, and what it is called with its plural, if that was given."""
    return {key.partition("/")[0]: key for key in remembered()}


def _name(line: str) -> str:
    name = line.partition(" ")[0].partition("/")[0]
    if name.startswith("-"):
        raise ResourceError(f"'{name}' is no name; to drop a resource: uv run resource drop ...")
    return name


def _key(name: str, known: dict[str, str]) -> str:
    if name not in known:
        there = f"there are: {', '.join(known)}" if known else "there is none"
        raise ResourceError(f"There is no resource '{name}'; {there}.")
    return known[name]


def _check_repository() -> None:
    """An update is a merge: git must know all that it could touch."""
    changes = _git("status", "--porcelain", "--", ".")
    if changes:
        raise ResourceError(
            "There are uncommitted changes, which an update would mix with its own; commit them "
            f"first: git add . && git commit\n{changes.rstrip()}"
        )


def _git(*arguments: str) -> str:
    try:
        run = subprocess.run(  # noqa: S603
            ("git", *arguments),  # noqa: S607
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError:
        raise ResourceError("git is not installed, and an update is a merge by git.") from None
    if run.returncode != 0:
        raise ResourceError(
            f"{Path.cwd()} is no git repository, and an update is a merge by git; make one: "
            f"git init && git add . && git commit -m Start\n{run.stderr.rstrip()}"
        )
    return run.stdout


def _update(line: str) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise ResourceError("uv is not on the PATH; it is needed to run Copier.")
    copier = (uv, "tool", "run", "--from", COPIER, "copier", "update", "--quiet", "--defaults")
    options = ("--vcs-ref", ":current:", "--data", f"resource={line}")
    run = subprocess.run(  # noqa: S603
        (*copier, *options), capture_output=True, encoding="utf-8", check=False
    )
    if run.returncode != 0:
        raise ResourceError(_reason(run.stderr))


def _reason(stderr: str) -> str:
    """Why there was no update, in a sentence: what the template says, or Copier, or uv."""
    lines = [line.strip(" |") for line in stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else "it says nothing"
    refused = re.search(r"Validation error for question '\w+': (.*)", last)
    if refused:
        return refused[1]
    failed = next((line for line in lines if line.startswith("error: ")), None)
    if failed is not None:
        return f"uv cannot run {COPIER}, for which it needs the network the first time: {failed}"
    template = "".join(re.findall(r"^_src_path: (.*)$", _answers(), re.MULTILINE))
    changed = _git("status", "--porcelain", "--", ".")
    hint = f"\nTo take back what has been written: {TAKE_BACK}" if changed else ""
    return f"The update from the template at {template} failed: {last}{hint}"


def _notes(before: str, after: str) -> list[str]:
    """What autogenerate cannot know about a change of fields."""
    old, new = _fields(before), _fields(after)
    required = [name for name, (marks, _) in new.items() if "?" not in marks]
    demanding = [name for name in required if name not in old and not new[name][1]]
    stricter = [name for name in required if name in old and "?" in old[name][0]]
    gone = [name for name in old if name not in new]
    notes = []
    if demanding:
        notes.append(
            f"Required and without a default: {', '.join(demanding)}. On a table with rows the "
            "migration will fail: let it be null at first (?), fill it, and require it in a later "
            "change."
        )
    if stricter:
        notes.append(
            f"No longer null: {', '.join(stricter)}. The migration will fail while there are rows "
            "without; fill them in a migration before it."
        )
    if gone:
        notes.append(
            f"The migration will drop {', '.join(gone)} with all that is in it. If a field is only "
            "renamed, write op.alter_column(..., new_column_name=...) there instead."
        )
    return notes


def _fields(line: str) -> dict[str, tuple[str, str]]:
    """The marks and the default of each field."""
    found = [FIELD.fullmatch(word) for word in line.split()]
    return {field[1]: (field[2], field[3]) for field in found if field}


def _finish(done: str, message: str, *notes: str) -> None:
    """Say what is to be done next. Raises ResourceError if there are conflicts."""
    if not _git("status", "--porcelain", "--", "."):
        _say("Nothing has changed: that is what the service has.")
        return
    deleted = _git("diff", "--name-only", "--relative", "--diff-filter=D", "HEAD").splitlines()
    if deleted:
        notes = (*notes, _listed("Deleted; git's history keeps them as they were", deleted))
    _say(f"{done}. Make the migration, read it, and run the tests:\n")
    _say("  uv run alembic upgrade head")
    _say(f'  uv run alembic revision --autogenerate -m "{message}"')
    _say("  uv run pytest")
    for note in notes:
        _say(f"\n{note}")
    conflicts = _git("diff", "--name-only", "--relative", "--diff-filter=U").splitlines()
    if conflicts:
        files = _listed("But first: you and the template changed the same lines of", conflicts)
        raise ResourceError(
            f"\n{files}\nIn each, choose from what stands on either side of =======, and remove "
            "the lines <<<<<<<, ======= and >>>>>>>; then: git add .\n"
            f"To take everything back: {TAKE_BACK}"
        )


def _listed(what: str, paths: list[str]) -> str:
    return "\n".join([f"{what}:", *(f"  {path}" for path in paths)])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
