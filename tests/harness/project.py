"""A rendered project, and commands run in it as its user would."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
from copier import run_copy
from uv import find_uv_bin

from tests.harness.bytecode import lend_bytecode
from tests.harness.clusters import lend_cluster
from tests.harness.copier_tool import install_copier
from tests.harness.environments import copy_environment
from tests.harness.forks import Fork, fork
from tests.harness.shared import once, shared_folder
from tests.harness.template import NEXT_RELEASE, ROOT, commit, git

UV = find_uv_bin()
MIGRATIONS = "tests/integration/test_migrations.py"
"""The tests of a service's migrations."""
TIMEOUT = 900  # seconds after which a command is taken to hang
STACKS_MAY_TAKE = 2  # seconds to be printed by a command that hangs


class CommandError(AssertionError):
    """A command did not end or print as expected; the message shows its output."""


@dataclass(frozen=True)
class Command:
    """A command that was started."""

    shown: str
    process: subprocess.Popen[bytes] | Fork
    log: Path

    def output(self) -> str:
        """What it has printed so far, to standard output and to standard error."""
        return self.log.read_text(errors="replace")

    def wait(self, code: int | None = 0, seconds: float = TIMEOUT) -> str:
        """Return what it printed until it ended.

        Raises CommandError unless it ends in time, and with `code` if that is not None.
        """
        try:
            actual = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.print_stacks()
            raise self.error(f"did not end within {seconds} s") from None
        if code not in (None, actual):
            raise self.error(f"exited with {actual}, not {code}")
        return self.output()

    def wait_for(self, pattern: str, seconds: float = 300) -> str:
        """Return what the pattern's group matches in the output, as soon as it does.

        Raises CommandError if the command ends or the time is over before that.
        """
        deadline = time.monotonic() + seconds
        while (match := re.search(pattern, self.output())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise self.error(f"did not print {pattern}")
            time.sleep(0.05)
        return match[1]

    def print_stacks(self) -> None:
        """Let all Python processes of the command print where they are, which ends them."""
        started = psutil.Process(self.process.pid)
        for process in (started, *started.children(recursive=True)):
            if process.name().startswith("py"):  # pytest in each of its workers, too
                process.send_signal(signal.SIGABRT)
        time.sleep(STACKS_MAY_TAKE)

    def error(self, what: str) -> CommandError:
        return CommandError(f"`{self.shown}` {what}:\n{self.output()}")


@dataclass(frozen=True)
class Project:
    path: Path
    borrowed: Path | None = None
    """The virtual environment of a project with the same dependencies; else it has its own."""

    @property
    def venv(self) -> Path:
        return self.borrowed or self.path / ".venv"

    def with_own_venv(self) -> "Project":
        """The same project; uv installs what it asks for."""
        return Project(self.path)

    def install(self, like: "Project | None" = None) -> "Project":
        """Let uv install the project's environment, or complete a copy of that of `like`."""
        if like is not None:
            copy_environment(like.venv, self.venv)
            if not (lock := self.path / "uv.lock").exists():
                shutil.copy(like.venv.parent / "uv.lock", lock)
            self.borrow_bytecode(like)
        self.run("true")
        return self

    def borrow_bytecode(self, lender: "Project") -> "Project":
        """Use what Python has compiled of the modules that are the same in another project."""
        lend_bytecode(lender.path, self.path)
        return self

    def run(self, *command: str, code: int | None = 0, **variables: str) -> str:
        """Run a command in the project's environment and return what it printed.

        Raises CommandError unless it exits with `code`, if that is not None.
        """
        with self.start(*command, **variables) as running:
            return running.wait(code)

    @contextmanager
    def start(self, *command: str, **variables: str) -> Iterator[Command]:
        """Start a command in the project's environment; what still runs at the end is killed."""
        variables = environment(**self.variables() | variables)
        if command[0] == "pytest":
            lend_cluster(self)
        if command[0] == "mypy" and self.borrowed is not None:
            self.mypy_cache()
        with start((UV, "run", *command), self.path, variables) as running:
            yield running

    def pytest(self, *arguments: str, code: int | None = 0, **variables: str) -> str:
        """As `run("pytest", ...)`, without the time that it takes to import libraries.

        They are imported already: where that may matter, use `run`.
        """
        with self.start_pytest(*arguments, **variables) as running:
            return running.wait(code)

    def alembic(self, *arguments: str, code: int | None = 0, **variables: str) -> str:
        """As `run("alembic", ...)`, without the time that it takes to import libraries."""
        with self._fork("alembic", arguments, variables) as running:
            return running.wait(code)

    def python(self, code: str, *arguments: str, **variables: str) -> str:
        """As `run("python", "-c", code, ...)`, without the time that imports of libraries take."""
        with self.start_python(code, *arguments, **variables) as running:
            return running.wait()

    def start_python(
        self, code: str, *arguments: str, **variables: str
    ) -> AbstractContextManager[Command]:
        """As `start("python", "-c", ...)`, without the time that imports of libraries take."""
        return self._fork("python", ("-c", code, *arguments), variables)

    def start_pytest(self, *arguments: str, **variables: str) -> AbstractContextManager[Command]:
        """As `start("pytest", ...)`, without the time that it takes to import libraries."""
        return self._fork("pytest", arguments, variables)

    @contextmanager
    def _fork(
        self, program: str, arguments: tuple[str, ...], variables: dict[str, str]
    ) -> Iterator[Command]:
        command = (program, *arguments)
        if program == "pytest":
            lend_cluster(self)
        with tempfile.NamedTemporaryFile(prefix="output-") as log:
            process = fork(self.venv, command, self.path, environment(**variables), log.name)
            try:
                yield Command(" ".join(command), process, Path(log.name))
            finally:
                kill(process)

    def variables(self) -> dict[str, str]:
        """What tells uv which Copier and which environment to run, and mypy where its cache is."""
        found = {"UV_TOOL_DIR": str(tool_folder())}
        if self.borrowed is not None:
            found |= {
                "UV_PROJECT_ENVIRONMENT": str(self.borrowed),
                "UV_NO_SYNC": "1",
                "MYPY_CACHE_DIR": str(self._mypy_cache),
            }
        return found

    @property
    def _mypy_cache(self) -> Path:
        """One for each worker, since mypy expects that no other process writes it."""
        return self.venv / f"mypy-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

    def mypy_cache(self) -> str:
        """Where mypy's cache is. It reads the environment's packages once for all workers."""

        def fill(target: Path) -> None:
            Project(self.venv.parent).run("mypy", MYPY_CACHE_DIR=str(target))

        if not self._mypy_cache.exists():
            shutil.copytree(once(self.venv / "mypy", fill), self._mypy_cache)
        return str(self._mypy_cache)

    def files(self) -> list[str]:
        """The files that the template rendered, relative to the project."""
        return git(self.path, "ls-files", "-z").rstrip("\0").split("\0")

    def changes(self) -> str:
        """What git sees as changed since the project was rendered."""
        return git(self.path, "status", "--porcelain", "--untracked-files=all")

    @contextmanager
    def restored(self) -> Iterator["Project"]:
        """The project, which may be changed in the block and is as it was after it."""
        before = git(self.path, "rev-parse", "HEAD").strip()
        yield self
        git(self.path, "reset", "--quiet", "--hard", before)
        git(self.path, "clean", "--quiet", "--force", "-d")


Copy = Callable[[Project], Project]


@contextmanager
def start(command: tuple[str, ...], cwd: Path, variables: dict[str, str]) -> Iterator[Command]:
    """Start a command with exactly these variables; what still runs at the end is killed."""
    with tempfile.NamedTemporaryFile(prefix="output-") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Command(" ".join(command), process, Path(log.name))
        finally:
            kill(process)


def run(
    *command: str, cwd: Path, variables: dict[str, str] | None = None, code: int | None = 0
) -> str:
    """Run a command as the user does, or with exactly these variables; return what it printed.

    Raises CommandError unless it exits with `code`, if that is not None.
    """
    with start(command, cwd, environment() if variables is None else variables) as running:
        return running.wait(code)


def render(
    template: Path | str, target: Path, answers: dict[str, object], release: str = NEXT_RELEASE
) -> Project:
    """Render a project and commit it, since updates refuse uncommitted files."""
    run_copy(str(template), target, data=answers, defaults=True, quiet=True, vcs_ref=release)
    git(target, "init", "--quiet")
    git(target, "add", "--all", "--force")  # a test checks that nothing is ignored
    commit(target, "Render")
    git(target, "repack", "-a", "-d", "--quiet")  # a clone copies one file instead of 300
    return Project(target)


NOT_OF_A_SHELL = ("OTEL_", "PG", "PYTEST", "PYTHON", "UVICORN_", "VIRTUAL_ENV")
OF_A_SERVER = ("FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY")  # uvicorn's, without its prefix
SETTINGS_MODULE = ROOT / "template" / "app" / "settings.py.jinja"
SETTINGS = {*re.findall(r"^    (\w+): ", SETTINGS_MODULE.read_text(), re.MULTILINE)}
"""The names of all settings that a service can have."""


def environment(**variables: str) -> dict[str, str]:
    """This process's environment as a user's shell has it: without virtual environments, variables
    of this test run or of CI, settings of a service, and servers that are configured on this
    machine.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(NOT_OF_A_SHELL)
        and name not in {"CI", "TEST_DATABASE_URL", "UV", "UV_PROJECT_ENVIRONMENT", *OF_A_SERVER}
        and name.lower() not in SETTINGS
    }
    kept["PATH"] = os.pathsep.join(_path())
    return kept | variables


def _path() -> Iterator[str]:
    """PATH without virtual environments."""
    for entry in os.environ["PATH"].split(os.pathsep):
        if Path(entry).name == "shims":
            # pyenv's `python` is a script that starts thirty processes, and uv asks the first
            # interpreter that it finds for its version.
            yield str(Path(sys.base_prefix, "bin"))
        if not Path(entry, "..", "pyvenv.cfg").exists():
            yield entry


def environment_with_uv(**variables: str) -> dict[str, str]:
    """The user's environment, with uv on PATH for programs that call it."""
    found = environment(**variables)
    found["PATH"] = f"{Path(UV).parent}{os.pathsep}{found['PATH']}"
    return found


@cache
def tool_folder() -> Path:
    """The folder of the tools that uv finds when it runs a project's commands."""
    return once(shared_folder() / "tools", lambda folder: install_copier(folder, environment()))


def kill(process: subprocess.Popen[bytes] | Fork) -> None:
    """Kill a process with all its descendants, if it still runs."""
    try:
        descendants = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    process.kill()
    process.wait()
    for descendant in descendants:
        try:
            descendant.kill()
        except psutil.NoSuchProcess:
            continue
