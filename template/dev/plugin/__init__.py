"""The pytest plugin. `tests/fixtures/__init__.py` loads it.

options.py       the options `--db...`, the marker `committed`, and DATABASE_URL, closed in tests
server.py        the PostgreSQL server of a test run: started, shared with xdist's workers, stopped
running_test.py  which test is running, for fixtures
report.py        what a test run prints about its databases: the header and the summary
garbage.py       what the garbage collector need not look at
"""

from dev.plugin.options import all_committed, is_committed, keeps_databases, rebuilds
from dev.plugin.report import fail_for_leaks, has_failed, has_xfailed, report_kept_database
from dev.plugin.running_test import running_test
from dev.plugin.server import SERVER

__all__ = [
    "SERVER",
    "all_committed",
    "fail_for_leaks",
    "has_failed",
    "has_xfailed",
    "is_committed",
    "keeps_databases",
    "rebuilds",
    "report_kept_database",
    "running_test",
]

pytest_plugins = [
    "dev.plugin.options",
    "dev.plugin.server",
    "dev.plugin.running_test",
    "dev.plugin.report",
    "dev.plugin.garbage",
]
