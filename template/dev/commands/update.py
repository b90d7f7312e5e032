"""An update from the template that the service came from, as part of a command.

uv runs Copier, which renders the template at the version that the service has, with one answer
changed, and merges the difference. Git knows what it changed.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

ANSWERS_FILE = Path(".copier-answers.yml")
COPIER = "copier>=9.19"
UNDO = "git restore --source=HEAD --staged --worktree . && git clean --force -d ."


class UpdateError(Exception):
    """The command failed or only partly succeeded; the message says why, and what to do."""


def read_resources() -> dict[str, str]:
    """The resources in the answers file, each as its user wrote it, and their fields."""
    section = re.search(r"^resources:\n((?: .*\n)*)", _read_answers(), re.MULTILINE)
    entries = re.findall(r"^ +(.+?): (.+)$", section[1], re.MULTILINE) if section else []
    # YAML quotes texts that would mean something else; there are no quotes within.
    return {name.strip("'"): fields.strip("'") for name, fields in entries}


def check_nothing_is_uncommitted() -> None:
    """An update is a merge, so everything that it may change must be in git."""
    changes = git("status", "--porcelain", "--", ".")
    if changes:
        raise UpdateError(
            "There are uncommitted changes, which would get mixed with those of the command. "
            f"Commit them first: git add . && git commit\n{changes.rstrip()}"
        )


def update(resource: str) -> None:
    """Update with this answer to the question `resource`. Raises UpdateError."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise UpdateError("uv is not on the PATH; it is needed to run Copier.")
    copier = (uv, "tool", "run", "--from", COPIER, "copier", "update", "--quiet", "--defaults")
    options = ("--vcs-ref", ":current:", "--data", f"resource={resource}")
    run = subprocess.run(  # noqa: S603
        (*copier, *options), capture_output=True, encoding="utf-8", check=False
    )
    if run.returncode != 0:
        raise UpdateError(_explain(run.stderr))


def has_changes() -> bool:
    """Whether there are changes that are not committed."""
    return git("status", "--porcelain", "--", ".") != ""


def deleted_files() -> list[str]:
    return git("diff", "--name-only", "--relative", "--diff-filter=D", "HEAD").splitlines()


def check_conflicts() -> None:
    """Raises UpdateError if git could not merge some files."""
    files = git("diff", "--name-only", "--relative", "--diff-filter=U").splitlines()
    if files:
        conflicts = list_files("But first: you and the template changed the same lines of", files)
        raise UpdateError(
            f"\n{conflicts}\nIn each file, edit what stands on either side of ======= as you want "
            "it, and remove the lines <<<<<<<, ======= and >>>>>>>; then: git add .\n"
            f"To undo everything: {UNDO}"
        )


def list_files(title: str, paths: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {path}" for path in paths)])


def git(*arguments: str) -> str:
    """The output of a git command. Raises UpdateError if it fails."""
    try:
        run = subprocess.run(  # noqa: S603
            ("git", *arguments),  # noqa: S607
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    except FileNotFoundError:
        raise UpdateError("git is not installed; it is needed to merge changes.") from None
    if run.returncode != 0:
        raise UpdateError(
            f"{Path.cwd()} is not a git repository; it is needed to merge changes. Create one: "
            f"git init && git add . && git commit -m Start\n{run.stderr.rstrip()}"
        )
    return run.stdout


def _read_answers() -> str:
    try:
        return ANSWERS_FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UpdateError(
            f"{ANSWERS_FILE.resolve()} is missing. It records where the template is and the "
            "answers to its questions; restore it from git's history."
        ) from None


def _explain(stderr: str) -> str:
    """Why the update failed, in one sentence from the template, from Copier or from uv."""
    lines = [line.strip(" |") for line in stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else "it printed no error message"
    invalid = re.search(r"Validation error for question '\w+': (.*)", last)
    if invalid:
        return invalid[1]
    failed = next((line for line in lines if line.startswith("error: ")), None)
    if failed is not None:
        return f"uv cannot run {COPIER}; the first time, it needs the network: {failed}"
    template = "".join(re.findall(r"^_src_path: (.*)$", _read_answers(), re.MULTILINE))
    hint = f"\nTo undo what has been written: {UNDO}" if has_changes() else ""
    return f"The update from the template at {template} failed: {last}{hint}"
