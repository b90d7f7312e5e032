"""Databases for tests: copies of a template, created in milliseconds and dropped when the run ends.

server.py        the server of a test run: embedded or external
external.py      the server of TEST_DATABASE_URL
connections.py   plain asyncpg connections
admin.py         a connection for work on the server as a whole, beside the tests
catalog.py       who created a database, and how to create and drop them
template.py      the template database: migrated once, then copied
clones.py        its copies: one for each worker, a fresh one for each test that commits
models.py        whether models and migrations agree
worker.py        all of it for one worker: from the template to dropping the last copy
"""

from dev.databases.clones import Database, Databases
from dev.databases.server import Server
from dev.databases.worker import open_databases

__all__ = ["Database", "Databases", "Server", "open_databases"]
