"""No safeguard of the fixtures can be removed unnoticed: without any of them, tests fail."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.project import Project
from tests.isolation.expectations import deviations
from tests.isolation.runs import run_leaks


@dataclass(frozen=True)
class Sabotage:
    """A safeguard, taken out by a change of the code of a rendered project."""

    safeguard: str
    file: str
    old: str
    new: str
    rows: tuple[str, ...] = ()
    """The tests in `tests/rows` that have to fail; without any, those of leaks have to."""


SABOTAGE = [
    Sabotage(
        "everything is rolled back when a test ends",
        "dev/sandbox/physical.py",
        'RESET = f"{ROLLBACK}; ROLLBACK; SELECT',
        'RESET = f"{ROLLBACK}; COMMIT; SELECT',
        ("errors",),
    ),
    Sabotage(
        "the savepoint guards the transaction around the test",
        "dev/sandbox/physical.py",
        'RESET = f"{ROLLBACK}; ROLLBACK; SELECT',
        'RESET = f"ROLLBACK; SELECT',
    ),
    Sabotage(
        "locks of the session end with the test",
        "dev/sandbox/physical.py",
        "SELECT pg_advisory_unlock_all(); ",
        "",
        ("session_state",),
    ),
    Sabotage(
        "writers come one after another",
        "dev/sandbox/sandbox.py",
        "                    await self._turn.acquire()",
        "                    self._turn = asyncio.Lock(); await self._turn.acquire()",
        ("concurrency",),
    ),
    Sabotage(
        "a conflict that cannot be resolved is found at once",
        "dev/sandbox/sandbox.py",
        "self._holder.task in set(waiting())",
        "False",
        ("limits",),
    ),
    Sabotage(
        "SQLAlchemy's own tasks act for others",
        "dev/sandbox/tasks.py",
        "isinstance(task, asyncio.Task) and _is_from(SQLALCHEMY, work)",
        "False",
        ("limits",),
    ),
    Sabotage(
        "a transaction does not wait for ever",
        "dev/sandbox/sandbox.py",
        "self._progress == progress and not self._busy",
        "False",
        ("limits",),
    ),
    Sabotage(
        "deferred constraints are checked at the commit",
        "dev/sandbox/physical.py",
        '"SET CONSTRAINTS ALL IMMEDIATE; " if rows else ""',
        '""',
        ("constraints",),
    ),
    Sabotage(
        "deferred constraints are deferred again after a commit",
        "dev/sandbox/physical.py",
        'f"SET CONSTRAINTS {deferred} DEFERRED; " if deferred else ""',
        '""',
        ("constraints",),
    ),
    Sabotage(
        "constraints that a test makes are known",
        "dev/sandbox/physical.py",
        "        if self._schema_changed:\n            await self._find_deferrable_constraints()\n"
        "        names",
        "        names",
        ("constraints",),
    ),
    Sabotage(
        "what is known of the schema is forgotten after a test has changed it",
        "dev/sandbox/physical.py",
        "            await self.forget_prepared()\n            await self._find",
        "            await self._find",
        ("session_state",),
    ),
    Sabotage(
        "parameters of a transaction end with its commit",
        "dev/sandbox/physical.py",
        "for name in names)\n",
        "for name in names[:0])\n",
        ("session_state",),
    ),
    Sabotage(
        "statements prepared by SQL end with the test",
        "dev/sandbox/physical.py",
        "if self._prepared_by_sql:",
        "if False:",
        ("session_state",),
    ),
    Sabotage(
        "a failed read is rolled back",
        "dev/sandbox/sandbox.py",
        "            if not transaction.writing:\n                self.physical.rollback_is_due",
        "            if False:\n                self.physical.rollback_is_due",
        ("errors",),
    ),
    Sabotage(
        "a failed transaction stays failed",
        "dev/sandbox/sandbox.py",
        "            if transaction.failed:\n                # PostgreSQL",
        "            if False:\n                # PostgreSQL",
        ("errors",),
    ),
    Sabotage(
        "the commit of a failed transaction is a rollback",
        "dev/sandbox/sandbox.py",
        "        if transaction.failed:  # PostgreSQL answers",
        "        if False:  # PostgreSQL answers",
        ("errors",),
    ),
    Sabotage(
        "a failed commit is rolled back",
        "dev/sandbox/sandbox.py",
        "        except BaseException:\n            self.physical.rollback_is_due = True",
        "        except BaseException:\n            pass",
        ("constraints",),
    ),
    Sabotage(
        "a commit is never cut in two",
        "dev/sandbox/physical.py",
        "await _to_the_end(self.connection.execute(message))",
        "await self.connection.execute(message)",
        ("cancellation",),
    ),
    Sabotage(
        "a cancelled transaction is rolled back",
        "dev/sandbox/connection.py",
        "    def terminate(self) -> None:\n        self.rollback()",
        "    def terminate(self) -> None:",
        ("cancellation",),
    ),
    Sabotage(
        "a request to cancel that gets lost is repeated",
        "dev/sandbox/physical.py",
        "call_later(CANCELLING, self._cancel_again)",
        "call_later(CANCELLING, lambda: None)",
        ("cancellation",),
    ),
    Sabotage(
        "functions that may write are not taken for reads",
        "dev/sandbox/statements.py",
        " and called <= self._harmless",
        "",
        ("limits",),
    ),
    Sabotage(
        "read-only transactions are",
        "dev/sandbox/physical.py",
        "        if readonly:",
        "        if False:",
        ("transactions",),
    ),
    Sabotage(
        "repeatable reads are",
        "dev/sandbox/transaction.py",
        'self.isolation in {"repeatable_read", "serializable"}',
        "False",
        ("transactions",),
    ),
    Sabotage(
        "codecs are each connection's own",
        "dev/sandbox/physical.py",
        "if codecs != self._codecs:",
        "if not self._codecs:",
        ("driver",),
    ),
    Sabotage(
        "connections are opened as in production",
        "dev/isolation.py",
        "await self.sandbox.open(self._home, **self._options)\n        # ",
        "await self.sandbox.open(self._home)\n        # ",
        ("session_state",),
    ),
    Sabotage(
        "connections are made anew after a test has changed the session",
        "dev/isolation.py",
        "if left_open or self.sandbox.physical.session_changed:",
        "if left_open:",
        ("hooks",),
    ),
    Sabotage(
        "requests have tasks of their own",
        "tests/fixtures/client.py",
        'return await spawn(work, f"{request.method} {request.url.path}")',
        "return await work",
        ("http",),
    ),
    Sabotage(
        "dependency overrides end with the test",
        "tests/fixtures/app.py",
        "    shared_app.dependency_overrides.clear()\n",
        "",
        ("http",),
    ),
    Sabotage(
        "the test's session reads anew what it looks up",
        "tests/fixtures/db_session.py",
        'super().get(entity, ident, **options | {"populate_existing": True})',
        "super().get(entity, ident, **options)",
        ("http",),
    ),
    Sabotage(
        "the test's session reads anew what it selects",
        "tests/fixtures/db_session.py",
        'execution_options={"populate_existing": True},',
        "",
        ("http",),
    ),
    Sabotage(
        "the test's session survives a failed flush",
        "tests/fixtures/db_session.py",
        "            self.rollback()\n",
        "            raise\n",
        ("errors",),
    ),
    Sabotage(
        "the test's session holds no transaction",
        "tests/fixtures/db_session.py",
        'engine.execution_options(isolation_level="AUTOCOMMIT")',
        "engine",
        ("http",),
    ),
    Sabotage(
        "requests to the outside are refused",
        "tests/fixtures/outgoing_requests.py",
        "        router.route().mock(side_effect=refuse)\n",
        "        router.route().respond(200)\n",
        ("tools",),
    ),
    Sabotage(
        "statements that end the transaction are refused",
        "dev/sandbox/sandbox.py",
        "if statement.refusal is not None and not (statement.listens and self._may_listen):",
        "if False:",
    ),
    Sabotage(
        "a refusal is reported even if it is swallowed",
        "dev/sandbox/sandbox.py",
        "            self._findings.append(str(error))\n            raise error",
        "            raise error",
    ),
    Sabotage(
        "tasks that are left running are ended and reported",
        "dev/sandbox/leaks.py",
        "    if not stray:\n",
        "    if True:\n",
    ),
    Sabotage(
        "the connection is used in its own event loop alone",
        "dev/sandbox/sandbox.py",
        "if asyncio.get_running_loop() is not self.physical.loop:",
        "if False:",
        ("loop",),
    ),
    Sabotage(
        "the database is closed to code that no test asked for",
        "dev/sandbox/sandbox.py",
        "if self._visit is None or transaction.visit is not self._visit or task in self._banned:",
        "if False:",
    ),
    Sabotage(
        "tasks that do not end are kept out of other tests",
        "tests/fixtures/engine.py",
        "    isolation.sandbox.ban(stubborn)\n",
        "",
    ),
    Sabotage(
        "commits through other engines are reported",
        "dev/sandbox/leaks.py",
        "        if self._is_foreign(connection):\n",
        "        if False:\n",
    ),
    Sabotage(
        "writes through other engines are reported",
        "dev/sandbox/leaks.py",
        "            self._is_foreign(connection)\n            and",
        "            False\n            and",
    ),
    Sabotage(
        "a database that another engine has written to is replaced",
        "dev/isolation.py",
        "self.sandbox.broken or spoilt or",
        "self.sandbox.broken or",
    ),
    Sabotage(
        "a database that cannot be cleaned is replaced",
        "dev/isolation.py",
        "self.sandbox.broken or spoilt or",
        "spoilt or",
    ),
    Sabotage(
        "transactions that are left open are ended and reported",
        "dev/sandbox/sandbox.py",
        "if connection.current is not None:",
        "if False:",
    ),
    Sabotage(
        "connections to a clone that are left open are reported",
        "dev/isolation.py",
        "for sql in left_open], None",
        "for sql in left_open[:0]], None",
    ),
    Sabotage(
        "the database of the environment is closed",
        "dev/plugin.py",
        '    patch.setenv("DATABASE_URL", CLOSED_URL)\n',
        "",
    ),
]


@pytest.fixture
def copy_of_probe(probe: Project, tmp_path: Path) -> Project:
    """A copy that may be changed; it runs in the environment of the original."""
    target = tmp_path / "a copy"
    shutil.copytree(probe.path, target, ignore=shutil.ignore_patterns(".venv", ".git"))
    return Project(target)


@pytest.mark.parametrize("sabotage", SABOTAGE, ids=lambda sabotage: sabotage.safeguard)
def test_without_it_tests_fail(probe: Project, copy_of_probe: Project, sabotage: Sabotage) -> None:
    target = copy_of_probe.path / sabotage.file
    code = target.read_text()
    assert code.count(sabotage.old) == 1, f"{sabotage.file} has changed"
    target.write_text(code.replace(sabotage.old, sabotage.new))
    same = {"UV_PROJECT_ENVIRONMENT": str(probe.path / ".venv"), "UV_NO_SYNC": "1"}
    if sabotage.rows:
        files = [f"tests/rows/test_{name}.py" for name in sabotage.rows]
        output = copy_of_probe.run("pytest", *files, "-x", code=None, **same)
        assert " failed" in output or " error" in output, output
    else:
        assert deviations(run_leaks(copy_of_probe, **same)) != []
