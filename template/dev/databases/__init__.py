"""Databases for tests: copies of a template, made in milliseconds and gone when the run ends.

servers.py       the server: an embedded one, or that of TEST_DATABASE_URL
admin.py         a connection for work on the server as a whole, beside the tests
catalog.py       whose databases these are, and how to make and drop them
template.py      the template database: migrated once, then copied
clones.py        its copies: one for each worker, a fresh one for each test that commits
connections.py   plain asyncpg connections
"""

from dev.databases.clones import Database, Databases, open_databases
from dev.databases.servers import Server

__all__ = ["Database", "Databases", "Server", "open_databases"]
