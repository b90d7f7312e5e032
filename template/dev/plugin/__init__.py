"""The pytest plugin. `tests/fixtures/__init__.py` loads it.

options.py       the options `--db...`, the marker `committed`, and DATABASE_URL, closed in tests
server.py        the PostgreSQL server of a test run: started, shared with xdist's workers, stopped
end_of_run.py    ends a run for a reason that concerns all tests
event_loop.py    which event loop tests run on
frames.py        which frames of a traceback a failure shows
running_test.py  which test is running, for fixtures
report.py        what a test run prints about its databases: the header and the summary
garbage.py       what the garbage collector need not look at
"""

from dev.plugin.end_of_run import end_run
from dev.plugin.options import (
    all_committed,
    is_committed,
    keeps_databases,
    project_folder,
    rebuilds,
)
from dev.plugin.report import fail_for_leaks, has_failed, has_xfailed, report_kept_database
from dev.plugin.running_test import running_test
from dev.plugin.server import SERVER

__all__ = [
    "SERVER",
    "all_committed",
    "end_run",
    "fail_for_leaks",
    "has_failed",
    "has_xfailed",
    "is_committed",
    "keeps_databases",
    "project_folder",
    "rebuilds",
    "report_kept_database",
    "running_test",
]

pytest_plugins = [
    "dev.plugin.options",
    "dev.plugin.server",
    "dev.plugin.end_of_run",
    "dev.plugin.event_loop",
    "dev.plugin.frames",
    "dev.plugin.running_test",
    "dev.plugin.report",
    "dev.plugin.garbage",
]
