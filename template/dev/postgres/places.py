"""The folders of an embedded server, and the account that it runs as.

PostgreSQL refuses to run as root. If this process is root, the server runs as `nobody`, who must be
able to reach its programs and data. Where `nobody` has no access, programs are copied and data is
kept elsewhere; permissions are never widened.

A server's folder stays root's, so that no link of `nobody`'s leads root elsewhere. `nobody` may
only pass through, to its data and its socket.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dev.postgres.errors import PostgresError

MEMORY = Path("/dev/shm")  # noqa: S108
"""On Linux, files in this folder are kept in memory."""

MIN_FREE_MEMORY = 2**30
"""The bytes that must be free there to use it for a server's data."""

MAX_SOCKET_PATH = 100
"""In bytes. The smallest limit among operating systems is 104, with the terminating zero."""

SOCKET_FOLDER = "socket"
USUAL_SOCKET_FOLDER = Path("embedded-postgres-12345678", SOCKET_FOLDER)
SOCKET = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Account:
    """The account that PostgreSQL runs as, if not that of this process."""

    name: str
    user: int
    group: int


def server_account() -> Account | None:
    """`nobody` if this process is root, else None for the account of this process."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415  (Windows has none)

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError(
            "PostgreSQL refuses to run as root, and there is no account `nobody` to run it as."
        ) from None
    return Account(nobody.pw_name, nobody.pw_uid, nobody.pw_gid)


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account may read the folder `path` and enter all folders above it."""
    if account is None:
        return True
    path = path.resolve()
    return _permits(path, account, 0o5) and all(_permits(p, account, 0o1) for p in path.parents)


def _permits(path: Path, account: Account, wanted: int) -> bool:
    status = path.stat()
    if status.st_uid == account.user:
        granted = status.st_mode >> 6
    elif status.st_gid == account.group:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & wanted == wanted


def new_folder(prefix: str, home: Path, account: Account | None) -> Path:
    """Create a private folder with a unique name, which the server's account may pass through."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=home))
    _let_through(folder, account)
    return folder


def temporary_home(account: Account | None, *, programs: bool, socket: bool) -> Path:
    """The folder for throwaway servers: in memory if there is room, else for temporary files.

    With `programs`, one that is not mounted `noexec`; with `socket`, one in which a socket's path
    is short enough.
    """
    homes = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MIN_FREE_MEMORY:
        homes.insert(0, MEMORY)
    for home in homes:
        if (
            home.is_dir()
            and os.access(home, os.W_OK | os.X_OK)
            and reachable(home, account)
            and not (programs and _is_noexec(home))
            and not (socket and not fits_socket(home / USUAL_SOCKET_FOLDER))
        ):
            return home
    tried = ", ".join(map(str, homes))
    raise PostgresError(f"No folder for temporary files is suitable for a server. Tried: {tried}.")


def _is_noexec(path: Path) -> bool:
    return sys.platform != "win32" and bool(os.statvfs(path).f_flag & os.ST_NOEXEC)


def fits_socket(folder: Path) -> bool:
    """Whether a Unix socket can be in this folder.

    Its path must be short, and drivers and the server treat commas and quotes as separators.
    """
    is_short = len(os.fsencode(folder / SOCKET)) <= MAX_SOCKET_PATH
    return is_short and not set(str(folder)) & set(",'\"")


def project_folder(project: Path, account: Account | None) -> Path:
    """The private folder of a project's development server; created if it is missing.

    It is `.postgres` in the project, or below /var/tmp if the server's account has no access there.
    """
    folder = project / ".postgres"
    if not reachable(project, account):
        name = re.sub(r"\W+", "-", project.name)[:40]
        digest = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
        folder = Path("/var/tmp", f"{name}-postgres-{digest}")  # noqa: S108
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _check_owner(folder, account)
    _let_through(folder, account)
    return folder


def _check_owner(folder: Path, account: Account | None) -> None:
    if sys.platform == "win32":
        return
    owner = folder.lstat().st_uid
    if not folder.is_symlink() and folder.is_dir() and owner == os.geteuid():
        return
    text = (
        f"{folder}, the folder for the data of PostgreSQL, must be a folder that belongs to you. "
        "Remove it, or run the command as its owner."
    )
    if account is not None and owner == account.user:
        text = (
            f"{folder} belongs to {account.name}, as it did until release 0.3.0. Remove it, or "
            f"take it over with its data: cd {folder.parent} && chown -h root {folder.name} && "
            f"find {folder.name} -mindepth 1 ! -path '*/data*' -delete"
        )
    raise PostgresError(text)


def _let_through(folder: Path, account: Account | None) -> None:
    if sys.platform != "win32" and account is not None:
        try:
            os.chown(folder, -1, account.group)
            folder.chmod(0o710)
        except OSError as error:
            raise PostgresError(
                "PostgreSQL refuses to run as root, and cannot be run as "
                f"`{account.name}` here: {error}. Run the command as another user."
            ) from None
