"""Where an embedded server may keep its files, and as whom it runs.

PostgreSQL refuses to run as root. For root it runs as `nobody`, who must be able to reach its
programs and its data; what nobody cannot reach is copied or kept elsewhere, never opened up.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dev.postgres.errors import PostgresError

MEMORY = Path("/dev/shm")  # noqa: S108
"""Files here are kept in memory, on Linux."""

MEMORY_NEEDED = 2**30
"""Bytes that must be free there for a server's data."""

LONGEST_SOCKET_PATH = 100
"""Bytes. The least that systems allow is 104, with the closing zero."""

SOCKET = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Account:
    """Whom PostgreSQL runs as when that is not the user of this process."""

    name: str
    user: int
    group: int


def server_account() -> Account | None:
    """`nobody` for root, else None: the user of this process."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415  (Windows has none)

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError(
            "PostgreSQL refuses to run as root, and there is no user `nobody` to run it as."
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
    """Make a private folder of a new name for the server's account."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=home))
    _give(folder, account)
    return folder


def temporary_home(account: Account | None, *, programs: bool, socket: bool) -> Path:
    """Where throwaway servers live: in memory if there is room, else among temporary files.

    It is one from which programs may be run, and where a socket's path is not too long, if that is
    demanded.
    """
    homes = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED:
        homes.insert(0, MEMORY)
    for home in homes:
        if (
            home.is_dir()
            and os.access(home, os.W_OK | os.X_OK)
            and reachable(home, account)
            and not (programs and _forbids_programs(home))
            and not (socket and not fits_socket(home / "embedded-postgres-12345678"))
        ):
            return home
    raise PostgresError(f"No folder for temporary files is fit for a server: tried {homes}.")


def _forbids_programs(path: Path) -> bool:
    return sys.platform != "win32" and bool(os.statvfs(path).f_flag & os.ST_NOEXEC)


def fits_socket(folder: Path) -> bool:
    """Whether a Unix socket can live there.

    Its path may not be long, and drivers and the server read commas and quotes as separators.
    """
    short = len(os.fsencode(folder / SOCKET)) <= LONGEST_SOCKET_PATH
    return short and not set(str(folder)) & set(",'\"")


def project_folder(project: Path, account: Account | None) -> Path:
    """The private folder of a project's development server; made if it is missing.

    It is `.postgres` in the project, or for root, where nobody cannot reach that, below /var/tmp.
    """
    folder = project / ".postgres"
    if not reachable(project, account):
        name = re.sub(r"\W+", "-", project.name)[:40]
        digest = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
        folder = Path("/var/tmp", f"{name}-postgres-{digest}")  # noqa: S108
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _check_owner(folder, account)
    else:
        _give(folder, account)
    return folder


def _check_owner(folder: Path, account: Account | None) -> None:
    if sys.platform == "win32":
        return
    expected = os.geteuid() if account is None else account.user
    status = folder.lstat()
    if folder.is_symlink() or not folder.is_dir() or status.st_uid != expected:
        whose = "you" if account is None else account.name
        raise PostgresError(
            f"{folder}, for the data of PostgreSQL, is not a folder that belongs to {whose}, as "
            "whom it would run. Remove it, or work as its owner."
        )


def _give(folder: Path, account: Account | None) -> None:
    if sys.platform != "win32" and account is not None:
        try:
            os.chown(folder, account.user, account.group)
        except OSError as error:
            raise PostgresError(
                "PostgreSQL refuses to run as root, and here it cannot be run as "
                f"`{account.name}`: {error}. Work as another user."
            ) from None
