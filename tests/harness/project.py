"""A rendered project, and commands run in it as its user would."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from copier import run_copy
from uv import find_uv_bin

from tests.harness.template import NEXT_RELEASE, commit, git

UV = find_uv_bin()
PATIENCE = 300  # seconds after which a command hangs rather than works


class CommandError(AssertionError):
    """A command ended otherwise than it should; the message shows what it printed."""


@dataclass(frozen=True)
class Output:
    returncode: int
    text: str  # standard output and standard error, as they came


@dataclass(frozen=True)
class Project:
    path: Path

    def run(self, *command: str, code: int = 0, **variables: str) -> str:
        """Run a command in the project's environment and return what it printed.

        Raises CommandError unless it exits with `code`.
        """
        output = self.attempt(*command, **variables)
        if output.returncode != code:
            shown = " ".join(command)
            raise CommandError(
                f"`{shown}` in {self.path} exited with {output.returncode}, not {code}:\n"
                f"{output.text}"
            )
        return output.text

    def attempt(self, *command: str, **variables: str) -> Output:
        """Run a command in the project's environment, however it ends."""
        with self.start(*command, **variables) as process:
            try:
                text, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                end(process)
                text, _ = process.communicate()
                raise CommandError(f"{command} did not end in {PATIENCE} s:\n{text}") from None
        return Output(process.returncode, text)

    @contextmanager
    def start(self, *command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command in the project's environment; what still runs at the end is killed."""
        process = subprocess.Popen(
            (UV, "run", *command),
            cwd=self.path,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end(process)

    def files(self) -> list[str]:
        """The files that the template rendered, relative to the project."""
        return git(self.path, "ls-files", "-z").rstrip("\0").split("\0")

    def changes(self) -> str:
        """What git sees as changed since the project was rendered."""
        return git(self.path, "status", "--porcelain", "--untracked-files=all")


def render(template: Path, target: Path, answers: dict[str, object]) -> Project:
    """Render a project and commit it, as an update demands."""
    run_copy(str(template), target, data=answers, defaults=True, quiet=True, vcs_ref=NEXT_RELEASE)
    git(target, "init", "--quiet")
    commit(target, "Render")
    return Project(target)


def environment(**variables: str) -> dict[str, str]:
    """The user's environment: this one without what this test run itself brought into it.

    Databases that this machine may have configured are left out as well.
    """
    own = str(Path(sys.executable).parent)
    path = os.environ["PATH"].split(os.pathsep)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "PYTHON", "VIRTUAL_ENV"))
        and name not in {"DATABASE_URL", "TEST_DATABASE_URL", "UV"}
    }
    kept["PATH"] = os.pathsep.join(entry for entry in path if entry != own)
    return kept | variables


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process and all its descendants, if they still run."""
    try:
        descendants = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for descendant in descendants:
        try:
            descendant.kill()
        except psutil.NoSuchProcess:
            continue
    process.kill()
    process.wait()
