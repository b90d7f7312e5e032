"""Debian's PgBouncer in transaction mode, if it is installed."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.processes import eventually

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass
class PgBouncer:
    """A pooler that a test can stop and start again."""

    folder: Path
    port: int
    user: int | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        assert PROGRAM is not None
        command = [PROGRAM, "-q", str(self.folder / "pgbouncer.ini")]
        self.process = subprocess.Popen(command, user=self.user, stderr=subprocess.DEVNULL)
        log = self.folder / "log"
        assert eventually(lambda: log.exists() and "process up" in log.read_text())

    def stop(self) -> None:
        """End at once, without waiting for clients."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
        self.folder.joinpath("log").unlink(missing_ok=True)


@contextmanager
def pgbouncer(server_port: int) -> Iterator[PgBouncer]:
    """A pooler of few connections to the server, on a port of 127.0.0.1."""
    user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None  # it refuses to be root
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        found = PgBouncer(Path(name), free_port(), user)
        if user is not None:
            os.chown(found.folder, user, -1)
        found.folder.joinpath("pgbouncer.ini").write_text(settings(found, server_port))
        try:
            found.start()
            yield found
        finally:
            found.stop()


def settings(pooler: PgBouncer, server_port: int) -> str:
    text = f"""
        [databases]
        * = host=127.0.0.1 port={server_port} user=postgres

        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {pooler.port}
        unix_socket_dir =
        logfile = {pooler.folder / "log"}
        auth_type = any
        pool_mode = transaction
        default_pool_size = 4
        server_check_delay = 0
        server_login_retry = 1
    """
    return "\n".join(line.strip() for line in text.splitlines())
