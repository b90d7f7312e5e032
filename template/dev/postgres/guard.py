"""Owns one PostgreSQL server, so that a killed parent leaves nothing behind.

It runs as `python -I guard.py` in a session of its own, where Ctrl-C does not reach it. The first
line of stdin is a `Plan` as JSON. The guard then prepares the data, starts the server, writes the
outcome to `state.json` in its folder, and waits on stdin. The line `stop` asks for an orderly
shutdown. The end of input means that the parent is gone, and stops the server too.

It uses only the standard library and imports nothing from the project.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ALREADY_RUNNING = 3
"""The exit code if another guard owns the folder."""

SERVER_TIMEOUT = 60.0
"""Seconds that a server may take to start or to stop."""

MIN_LEFTOVER_AGE = 60.0
"""Seconds. A folder without a lock that is younger may be one that is just being created."""


@dataclass(frozen=True)
class Plan:
    """What a guard has to do; `dev/postgres/server.py` creates it."""

    folder: str
    """Contains the data, and log, lock, `state.json` and others of the guard's own. It exists, and
    PostgreSQL's account may at most pass through it."""

    run: str
    """Identifies this run in `state.json`, which can be left over from an earlier one."""

    url: str
    """Where the server will listen."""

    installation: str
    """The folder with PostgreSQL's `bin`, `lib` and `share`."""

    private_copy: str | None
    """Where to copy the installation and run it from; None to run it in place."""

    socket_folder: str | None
    """A folder to create for the socket; None if there is none."""

    account: tuple[int, int] | None
    """User and group id to run PostgreSQL as; None for those of this process."""

    password: str | None
    """The superuser's, set before the server listens; None to leave it as it is."""

    access: list[str]
    """The lines of pg_hba.conf."""

    settings: dict[str, str]
    """Of the server, passed on its command line."""

    initdb: list[str] = field(default_factory=list)
    """Options of initdb."""

    ephemeral: bool = False
    """Whether to remove the folder at the end."""

    snapshots: str | None = None
    """The folder of saved clusters, to start from and to save to; None for neither."""

    fingerprint: str = ""
    """Identifies the server's build: only clusters that were saved by the same build are used."""


class GuardError(Exception):
    """Ends the guard; the user sees the message."""


def main() -> int:
    signal.signal(signal.SIGTERM, exit_once)
    plan = Plan(**json.loads(sys.stdin.readline()))
    folder = Path(plan.folder)
    with locked(folder / "lock") as owner:
        if not owner:
            return ALREADY_RUNNING
        if plan.ephemeral:
            remove_leftovers(folder)
        write_state(plan, "starting")
        os.truncate(folder / "log", 0)
        cluster = Cluster(plan)
        orderly = False
        try:
            note = cluster.start()
            write_state(plan, "ready", note)
            orderly = sys.stdin.readline() == "stop\n"
            while orderly and (folder / "keep").exists():
                time.sleep(0.2)
        except (GuardError, OSError) as error:
            write_state(plan, "failed", str(error))
            sys.stdin.readline()  # Every process that shares the server must see the state.
        finally:
            cluster.stop(orderly=orderly)
            (folder / "state.json").unlink(missing_ok=True)
    return 0


def exit_once(*_: object) -> NoReturn:
    """Turn a signal into an exception, which stops the server; further signals are ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def write_state(plan: Plan, state: str, text: str | None = None) -> None:
    """Replace `state.json` in one step, so that no reader sees half of it."""
    unfinished = Path(plan.folder, "state.json.new")
    content = {"run": plan.run, "state": state, "text": text, "url": plan.url}
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    unfinished.replace(Path(plan.folder, "state.json"))


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold a lock, at most until this process ends; yields False if another process holds it."""
    with path.open("a") as file:
        try:
            if sys.platform == "win32":
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def remove_leftovers(folder: Path) -> None:
    """Remove the folders of servers whose guard was killed.

    A PostgreSQL that still runs there notices within a minute that its data is gone, and exits.
    """
    prefix = folder.name.rpartition("-")[0]
    for other in folder.parent.glob(f"{prefix}-*"):
        with suppress(OSError):
            status = other.lstat()
            ours = status.st_uid == folder.stat().st_uid and other.is_dir()
            if not ours or other == folder or time.time() - status.st_mtime < MIN_LEFTOVER_AGE:
                continue
            with locked(other / "lock") as is_leftover:
                if is_leftover:
                    shutil.rmtree(other, ignore_errors=True)


class Cluster:
    """A data folder and the server that runs on it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.folder = Path(plan.folder)
        self.data = self.folder / "data"
        self.bin = Path(plan.private_copy or plan.installation) / "bin"
        self.snapshots = (
            Snapshots(Path(plan.snapshots), plan.fingerprint) if plan.snapshots else None
        )
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> str | None:
        """Return when the server accepts connections, with a note if something was unusual."""
        if self.plan.private_copy is not None:
            copy_installation(Path(self.plan.installation), Path(self.plan.private_copy))
        if self.plan.socket_folder is not None:
            shutil.rmtree(self.plan.socket_folder, ignore_errors=True)
            self._make_folder(Path(self.plan.socket_folder))
        note = None
        while self.snapshots is not None and (saved := self.snapshots.newest()) is not None:
            try:
                self.snapshots.restore(saved, self.data)
                self._hand_over(self.data)
                self._launch()
                return note
            except Exception as error:  # Whatever is wrong with the copy, it can be rebuilt.
                self._kill()
                shutil.rmtree(self.data, ignore_errors=True)
                if saved.exists():  # Otherwise another run has just replaced it.
                    reason = str(error).partition("\n")[0]
                    note = f"The cached cluster could not be used and was rebuilt: {reason}"
                    self.snapshots.discard(saved)
        if not self.data.exists():
            self._initdb()
        self._launch()
        return note

    def stop(self, *, orderly: bool) -> None:
        """Stop the server, save its cluster if requested, and remove what is ephemeral."""
        save = orderly and self.snapshots is not None and (self.folder / "save").exists()
        if self.server is not None and self.server.poll() is None:
            # Data that is thrown away needs no checkpoint.
            if self.plan.ephemeral and not save:
                self._signal(self.server, "immediate")
            else:
                self._signal(self.server, "fast")
            try:
                self.server.wait(SERVER_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._kill()
        if save and self.snapshots is not None:
            with suppress(OSError):  # Without a snapshot the next run only starts more slowly.
                self._take_back(self.data)
                self.snapshots.save(self.data)
        if self.plan.socket_folder is not None:
            shutil.rmtree(self.plan.socket_folder, ignore_errors=True)
        if self.plan.ephemeral:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _initdb(self) -> None:
        # Under another name until it is complete: a killed initdb must not look like a cluster.
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._make_folder(unfinished)
        self._run([self._program("initdb"), "-D", str(unfinished), *self.plan.initdb], "initdb")
        unfinished.rename(self.data)

    def _launch(self) -> None:
        access = self.folder / "pg_hba.conf"
        access.write_text("\n".join([*self.plan.access, ""]), encoding="ascii")
        access.chmod(0o644)
        postgres, data = self._program("postgres"), str(self.data)
        if self.plan.password is not None:
            statement = f"ALTER ROLE postgres PASSWORD '{self.plan.password}'\n".encode()
            command = [postgres, "--single", "-D", data, "postgres"]
            self._run(command, "setting the password", statement)
        command = [postgres, "-D", data, "-c", f"hba_file={access}"]
        for name, value in self.plan.settings.items():
            command += ["-c", f"{name}={value}"]
        options = self._process_options()
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)  # noqa: S603
        self.server = server
        deadline = time.monotonic() + SERVER_TIMEOUT
        while not self._is_ready(server.pid):
            if server.poll() is not None:
                self._fail(f"PostgreSQL exited with code {server.returncode} while it started")
            if time.monotonic() > deadline:
                self._fail(f"PostgreSQL did not start within {SERVER_TIMEOUT:.0f} seconds")
            time.sleep(0.002)

    def _is_ready(self, pid: int) -> bool:
        # As pg_ctl does it: line 1 of the file is the process id, line 8 the status.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._hand_over(folder)

    def _hand_over(self, folder: Path) -> None:
        """Make the account that runs PostgreSQL the owner of a folder that this process created."""
        folder.chmod(0o700)
        if sys.platform != "win32" and self.plan.account is not None:
            user, group = self.plan.account
            # The folder last: until then the account cannot reach what is in it, and replace it.
            for path in (*folder.rglob("*"), folder):
                os.chown(path, user, group, follow_symlinks=False)

    def _take_back(self, folder: Path) -> None:
        """Let the account no longer reach what is in the folder."""
        if sys.platform != "win32" and self.plan.account is not None:
            os.chown(folder, os.geteuid(), -1, follow_symlinks=False)

    def _run(self, command: list[str], what: str, stdin: bytes | None = None) -> None:
        options: dict[str, Any] = {"input": stdin} if stdin else {"stdin": subprocess.DEVNULL}
        options |= self._process_options()
        result = subprocess.run(command, **options, check=False)  # noqa: S603
        if result.returncode != 0:
            self._fail(f"{what} exited with code {result.returncode}")

    def _process_options(self) -> dict[str, Any]:
        # initdb fails in a locale that does not exist, and on macOS the server does, too.
        environment = {**os.environ, "LC_ALL": "C"}
        options: dict[str, Any] = {"env": environment, "cwd": self.folder, "stdout": sys.stderr}
        if self.plan.account is not None:
            user, group = self.plan.account
            options |= {"user": user, "group": group, "extra_groups": []}
        return options

    def _program(self, name: str) -> str:
        return str(self.bin / (f"{name}.exe" if sys.platform == "win32" else name))

    def _signal(self, server: subprocess.Popen[bytes], mode: str) -> None:
        if sys.platform == "win32":  # Without such signals; pg_ctl writes to a pipe.
            stop = [self._program("pg_ctl"), "stop", "-W", "-m", mode, "-D", str(self.data)]
            subprocess.run(stop, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        else:
            server.send_signal(signal.SIGQUIT if mode == "immediate" else signal.SIGINT)

    def _kill(self) -> None:
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait()

    def _fail(self, what: str) -> NoReturn:
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        raise GuardError("\n".join([f"{what}. The end of its log:", *log.splitlines()[-12:]]))


class Snapshots:
    """Saved clusters, of which only the newest is used.

    Each is one file: the thousand files of a cluster cost a file system more than their contents
    do. No name is used twice, so a run that reads a cluster while another run saves the next gets
    a complete cluster or an error, never a mixture.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint

    def newest(self) -> Path | None:
        return max(self.folder.glob("cluster-*.zip"), default=None)

    def restore(self, saved: Path, data: Path) -> None:
        """Extract a saved cluster to `data`; raises an exception if it cannot be used."""
        with zipfile.ZipFile(saved) as archive:
            if archive.comment != self.fingerprint.encode():
                raise ValueError("it was saved by another build of PostgreSQL")
            archive.extractall(data)

    def save(self, data: Path) -> None:
        """Save the cluster of a stopped server, and discard all older ones.

        One with tablespaces is not saved, since they are links to data elsewhere.
        """
        paths = list(data.rglob("*"))
        if any(path.is_symlink() for path in paths):
            return
        name = f"cluster-{time.time_ns():020}-{os.getpid()}.zip"
        unfinished = self.folder / f"unfinished-{name}"
        try:
            with zipfile.ZipFile(unfinished, "x") as archive:
                archive.comment = self.fingerprint.encode()
                for path in paths:
                    archive.write(path, path.relative_to(data))
            unfinished.rename(self.folder / name)
        finally:
            unfinished.unlink(missing_ok=True)
        for other in self.folder.glob("cluster-*"):
            if other.name < name:
                self.discard(other)

    def discard(self, saved: Path) -> None:
        with suppress(OSError):
            if saved.is_dir():  # as releases up to 0.3 saved them
                shutil.rmtree(saved)
            else:
                saved.unlink()


def copy_installation(source: Path, target: Path) -> None:
    """Copy the wheel's package to where the server's account can read it."""
    # The programs find their vendored libraries by relative paths: beside the package, or in it.
    package, copied = source.parent, target.parent
    shutil.rmtree(copied.parent, ignore_errors=True)
    ignored = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
    shutil.copytree(package, copied, ignore=ignored)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copied.with_name(libraries.name))
    for path in (copied.parent, *copied.parent.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)


if __name__ == "__main__":
    sys.exit(main())
