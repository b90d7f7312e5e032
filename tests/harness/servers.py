"""PostgreSQL as the operating system installs it, for tests of servers that a URL names."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.ports import free_port

OLDEST = 15
MEMORY = Path("/dev/shm")


def installed() -> dict[str, Path]:
    """The programs of each major version on this machine that is new enough, as Debian has them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return {path.parent.name: path for path in found if int(path.parent.name) >= OLDEST}


@contextmanager
def serve(programs: Path) -> Iterator[str]:
    """The URL of a new server on a port of 127.0.0.1 that ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="server-", dir=MEMORY if MEMORY.is_dir() else None))
    data, port = folder / "data", free_port()
    options = f"-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(data), *arguments]
        # PostgreSQL refuses to run as root.
        subprocess.run(command, check=True, cwd=folder, user=user, stdout=subprocess.DEVNULL)

    user = None
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody").pw_uid
        os.chown(folder, user, -1)
    try:
        run("initdb", "--username=postgres", "--auth=trust", "--no-sync")
        run("pg_ctl", "start", "--wait", f"--log={folder / 'log'}", "--options", options)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "stop", "--wait", "--mode=immediate")
    finally:
        shutil.rmtree(folder)
