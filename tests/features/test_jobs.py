"""The feature jobs: workers as processes, its command, and its migrations."""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from tests.features.conftest import AddedTo, Featured
from tests.harness.pgbouncer import PROGRAM, pgbouncer
from tests.harness.processes import eventually
from tests.harness.project import MIGRATIONS, Command, Copy, Project
from tests.harness.servers import Server, embedded, server
from tests.harness.service import remove_development_database
from tests.harness.template import commit, git, write
from tests.harness.thorough import usually
from tests.harness.updates import replace

NOTES = '''
"""Jobs that write notes, and a command that enqueues them and waits for what they write."""

import asyncio
import json
import logging
import sys

from pydantic import BaseModel
from sqlalchemy import text

from app.database import create_engine, create_sessionmaker
from app.jobs import JobContext, job
from app.settings import DatabaseSettings

COUNT = text("SELECT count(*) FROM notes")
INSERT = text("INSERT INTO notes VALUES (:text, :attempt)")
SELECT = text("SELECT text, attempt FROM notes ORDER BY text")


class Note(BaseModel):
    text: str
    seconds: float = 0  # that the first attempt takes


@job(Note, attempts=2)
async def write_note(context: JobContext, note: Note) -> None:
    await context.session.execute(INSERT, {"text": note.text, "attempt": context.attempt})
    logging.getLogger(__name__).info("begun: %s, attempt %s", note.text, context.attempt)
    if context.attempt == 1:
        await asyncio.sleep(note.seconds)


@job(Note, attempts=1)
async def lose_note(_: JobContext, note: Note) -> None:
    raise ValueError(f"cannot write {note.text}")


async def main(verb: str, argument: str) -> None:
    engine = create_engine(DatabaseSettings())
    async with create_sessionmaker(engine).begin() as session:
        if verb in ("write", "lose"):
            await session.execute(
                text("CREATE TABLE IF NOT EXISTS notes (text text, attempt int)")
            )
            notes = [Note.model_validate(note) for note in json.loads(argument)]
            await (write_note if verb == "write" else lose_note).enqueue_all(session, notes)
        else:
            while await session.scalar(COUNT) < int(argument):
                await asyncio.sleep(0.05)
            print(json.dumps([[*row] for row in await session.execute(SELECT)]))
            await session.execute(text("TRUNCATE notes"))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
'''
REGISTER = {
    "app/worker.py": (
        "    # Your own jobs go below this line.\n",
        "    # Your own jobs go below this line.\n    lose_note,\n    write_note,\n",
    ),
}


LOST_AFTER = "1"
"""Seconds: short, for tests that lose a worker."""

PATIENT = {"WORKER_LOST_AFTER": "60"}
"""For others: on a busy machine, a worker may give no sign of life for some seconds."""


@dataclass(frozen=True)
class Notes:
    """A project with jobs that write notes, and its database."""

    project: Project
    server: Server

    @property
    def variables(self) -> dict[str, str]:
        return {"DATABASE_URL": self.server.url, "WORKER_LOST_AFTER": LOST_AFTER}

    def worker(self, *arguments: str, code: int = 0) -> str:
        """Run the worker's command, as the image does."""
        return self._start("app.worker", *arguments, code=code)

    def enqueue(self, *notes: Mapping[str, object], verb: str = "write") -> None:
        self._run(verb, json.dumps(notes))

    def written(self, count: int) -> list[list[object]]:
        """What jobs have written and in which attempt, when it is so much; it is gone then."""
        rows: list[list[object]] = json.loads(self._run("wait", str(count)))
        return rows

    def _run(self, verb: str, argument: str) -> str:
        return self._start("app.notes", verb, argument, code=0)

    def _start(self, module: str, *arguments: str, code: int) -> str:
        command = ("python", "-m", module, *arguments)
        with self.project.start(*command, **self.variables) as running:
            return running.wait(code)


@pytest.fixture(scope="module")
def notes(featured: Featured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notes]:
    original, target = featured("jobs"), tmp_path_factory.mktemp("jobs") / "notes"
    git(target.parent, "clone", "--quiet", str(original.path), str(target))
    project = Project(target, original.venv)
    write(target, {"app/notes.py": NOTES.lstrip()})
    replace(target, REGISTER)
    worker = target / "app" / "worker.py"
    import_place = "# Your own imports go below this line.\n"
    imported = f"{import_place}from app.notes import lose_note, write_note\n"
    worker.write_text(worker.read_text().replace(import_place, imported))
    with server(embedded(original.venv)) as postgres:
        project.alembic("upgrade", "head", DATABASE_URL=postgres.url)
        yield Notes(project, postgres)


@pytest.fixture
def worker(notes: Notes) -> Iterator[Command]:
    with another_worker(notes) as running:
        yield running


def another_worker(notes: Notes, **variables: str) -> AbstractContextManager[Command]:
    return notes.project.start("python", "-m", "app.worker", **notes.variables | variables)


def test_a_job_whose_worker_is_killed_runs_again(notes: Notes) -> None:
    with another_worker(notes) as killed:
        notes.enqueue({"text": "important", "seconds": 60})
        killed.wait_for("(begun): important, attempt 1")
    with another_worker(notes):
        assert notes.written(1) == [["important", 2]]


def test_a_worker_goes_on_when_the_database_has_restarted(notes: Notes, worker: Command) -> None:
    notes.enqueue({"text": "interrupted", "seconds": 5})
    worker.wait_for("(begun): interrupted, attempt 1")
    notes.server.stop()
    worker.wait_for("(unavailable): ")
    notes.server.start()
    notes.enqueue({"text": "new"})
    assert notes.written(2) == [["interrupted", 2], ["new", 1]]


def test_two_workers_do_each_of_a_hundred_jobs_once(notes: Notes) -> None:
    texts = [f"note {number:03}" for number in range(100)]
    notes.enqueue(*({"text": text} for text in texts))
    with another_worker(notes, **PATIENT), another_worker(notes, **PATIENT):
        assert notes.written(100) == [[text, 1] for text in texts]
    assert "write_note" not in notes.worker("dead")  # another test may have lost a note


@pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")
def test_workers_behind_a_pooler_do_each_job_once_and_go_on_after_its_restart(notes: Notes) -> None:
    texts = [f"note {number:03}" for number in range(100)]
    with pgbouncer(notes.server.port) as pooler:
        behind = PATIENT | {"DATABASE_URL": pooler.url, "DATABASE_POOLER": "transaction"}
        with another_worker(notes, **behind), another_worker(notes, **behind):
            notes.enqueue(*({"text": text} for text in texts))
            assert notes.written(100) == [[text, 1] for text in texts]
            pooler.stop()
            pooler.start()
            notes.enqueue({"text": "new"})
            assert notes.written(1) == [["new", 1]]


@pytest.mark.parametrize("number", usually([signal.SIGTERM, signal.SIGINT], 1))
def test_a_worker_that_is_stopped_ends_its_job(
    notes: Notes, worker: Command, number: signal.Signals
) -> None:
    notes.enqueue({"text": "last", "seconds": 1})
    worker.wait_for("(begun): last, attempt 1")
    worker.process.send_signal(number)
    assert "worker stopped" in worker.wait()
    assert notes.written(1) == [["last", 1]]


def test_jobs_that_were_given_up_are_listed_and_retried(notes: Notes, worker: Command) -> None:
    notes.enqueue({"text": "hopeless"}, verb="lose")
    worker.wait_for("(Exception while processing entrypoint/job-id)")
    assert eventually(lambda: "lose_note  given up " in notes.worker("dead"))
    (line,) = notes.worker("dead").splitlines()
    assert line.endswith("ValueError: cannot write hopeless")
    id = line.partition(" ")[0]
    shown = notes.worker("dead", id)
    assert 'Payload: {"text":"hopeless","seconds":0.0}\nTraceback (most recent' in shown
    assert notes.worker("retry", id, "999", code=1) == (
        "Job 999 was not given up; those that were: uv run worker dead\n"
    )
    assert notes.worker("retry", id) == f"Enqueued again: {id}\n"
    worker.wait_for("(?s)job-id.*(Exception while processing entrypoint/job-id)")


def test_a_database_that_cannot_be_used_is_named(notes: Notes) -> None:
    command = ("python", "-m", "app.worker")
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    said = notes.project.run(*command, "dead", code=1, DATABASE_URL=nowhere)
    assert said.startswith("The database cannot be used: cannot connect to the database: ")
    empty = f"{notes.server.url.removesuffix('postgres')}template1"
    said = notes.project.run(*command, code=1, DATABASE_URL=empty)
    assert "The database has no tables for jobs: is a migration missing, or not applied?" in said


def test_it_runs_on_the_development_database(featured: Featured) -> None:
    project = featured("jobs")
    try:
        project.run("alembic", "upgrade", "head")
        with project.start("worker") as running:
            running.wait_for("(worker started)")
            running.process.send_signal(signal.SIGTERM)
            running.wait()
    finally:
        remove_development_database(project)


@pytest.fixture
def added(added_to_edited: AddedTo, copy: Copy) -> Project:
    """A copy of a project that has got jobs after edits, for a test to change."""
    return copy(added_to_edited("jobs", EDITS))


EDITS = {
    "app/settings.py": (
        "    # Your own settings go below this line.\n",
        "    # Your own settings go below this line.\n\n    mine: int = 1\n",
    ),
    "app/resources/item/router.py": (
        "# Your own endpoints go below this line.\n",
        "# Your own endpoints go below this line.\nMINE = 1\n",
    ),
    "migrations/env.py": ('"lock_timeout": "5s"', '"lock_timeout": "3s"'),
    "compose.yaml": ("fsync=off", "fsync=on"),
}


def test_add_writes_the_migration_that_a_first_render_has(
    added: Project, featured: Featured
) -> None:
    said = git(added.path, "log", "-1", "--format=%b")
    (migration,) = [file for file in added.files() if file.endswith("_add_jobs.py")]
    assert said.startswith(f"Added jobs. Review {migration}, apply it, and run the tests:\n")
    first = featured("jobs").path / "migrations" / "versions" / "0002_add_jobs.py"
    sql = first.read_text().partition("# As PgQueuer")[2]
    text = (added.path / migration).read_text()
    assert text.partition("# As PgQueuer")[2] == sql
    assert 'down_revision: str | Sequence[str] | None = "0001"' in text
    assert "    mine: int = 1\n" in (added.path / "app" / "settings.py").read_text()


def test_drop_writes_the_reverse_and_leaves_the_service_as_it_was(
    added: Project, featured: Featured
) -> None:
    write(added.path, {"app/own.py": "from app.idempotency import IdempotentRoute\n"})
    commit(added.path, "Work")
    said = added.run("feature", "drop", "jobs")
    assert "_drop_jobs.py, apply it, and run the tests:" in said
    assert "The migration will drop its tables and all data in them." in said
    assert "These lines still use it:\n  app/own.py:1:from app.idempotency import" in said
    write(added.path, {"app/own.py": "MINE = 1\n"})
    commit(added.path, "Drop jobs")
    changed = git(added.path, "diff", "HEAD~3", "HEAD", "--name-only").split()
    assert sorted(path.rpartition("_")[0].rpartition("_")[2] for path in changed) == [
        "add", "drop"
    ]  # fmt: skip
    # In an environment that has PgQueuer, which no code needs any more.
    migrated = Project(added.path, featured("jobs").venv)
    suite = migrated.pytest(MIGRATIONS)
    assert " passed" in suite


def test_what_the_worker_does_of_ones_own_is_not_dropped_without_a_word(added: Project) -> None:
    replace(added.path, {"app/worker.py": ("*features.JOBS,", "*features.JOBS,  # mine")})
    commit(added.path, "Work")
    said = added.run("feature", "drop", "jobs", code=1)
    assert said.startswith("You have edited these files of 'jobs':\n  app/worker.py\n")
    assert added.changes() == ""
