"""`uv run dev`: the service during development, on an embedded PostgreSQL."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil
import pytest

from tests.harness.processes import Family, eventually
from tests.harness.project import Command, Project
from tests.harness.service import open_client

STOPS_WITHIN = 60  # seconds, on a machine that is slow and busy


@dataclass(frozen=True)
class Dev:
    command: Command
    family: Family
    client: httpx.Client

    def ctrl_c(self) -> None:
        """Send SIGINT to the whole process group, as a terminal does."""
        os.killpg(self.command.process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """Send SIGTERM only to the process that was started, as a supervisor does."""
        self.command.process.terminate()


@contextmanager
def dev(project: Project, *options: str, **variables: str) -> Iterator[Dev]:
    family = Family()
    variables |= family.variables
    try:
        with project.start("dev", "--port", "0", *options, **variables) as command:
            url = command.wait_for(r"running on (http://\S+)")
            command.wait_for(r"(startup complete)")
            with open_client(url) as client:
                yield Dev(command, family, client)
    finally:
        family.kill()


def test_it_serves_a_round_trip(own_project: Project) -> None:
    with dev(own_project) as running:
        client = running.client
        created = client.post("/items", json={"name": "chair", "price": "9.50"})
        assert created.status_code == 201
        location = created.headers["location"]
        assert client.get(location).json() == created.json()
        assert [item["name"] for item in client.get("/items").json()["items"]] == ["chair"]
        changed = client.patch(location, json={"price": "8.00"})
        assert (changed.status_code, changed.json()["price"]) == (200, "8.00")
        assert client.delete(location).status_code == 204
        assert client.get(location).status_code == 404
        assert client.get("/docs").status_code == 200
    assert own_project.changes() == "?? uv.lock\n"


@pytest.mark.parametrize("stop", [Dev.ctrl_c, Dev.terminate])
def test_it_stops_cleanly(own_project: Project, stop: Callable[[Dev], None]) -> None:
    with dev(own_project) as running:
        assert running.family.servers() != []
        stop(running)
        output = running.command.wait(code=None, seconds=STOPS_WITHIN)
        assert running.family.commands() == []
        assert "Traceback" not in output
        assert "shutdown complete" in output


def test_its_database_ends_when_it_is_killed(own_project: Project) -> None:
    with dev(own_project) as running:
        (python,) = psutil.Process(running.command.process.pid).children()
        python.kill()
        eventually(lambda: running.family.servers() == [], STOPS_WITHIN)
        assert running.family.servers() == []


def test_it_keeps_its_data(own_project: Project) -> None:
    with dev(own_project) as running:
        running.client.post("/items", json={"name": "kept"}).raise_for_status()
        running.ctrl_c()
        running.command.wait(code=None, seconds=STOPS_WITHIN)
    with dev(own_project) as running:
        items = running.client.get("/items").json()["items"]
    assert [item["name"] for item in items] == ["kept"]


def test_it_restarts_when_code_changes(own_project: Project) -> None:
    health = own_project.path / "app" / "health.py"
    with dev(own_project) as running:
        assert running.client.get("/health/live").json() == {"status": "ok"}
        health.write_text(health.read_text().replace('"ok"', '"changed"'))
        assert eventually(lambda: is_changed(running.client))


def test_it_migrates_the_database_of_others_only_when_told(
    own_project: Project, own_database: str
) -> None:
    for options, status in ((), 500), (("--migrate",), 200):
        with dev(own_project, *options, DATABASE_URL=own_database) as running:
            assert running.client.get("/items").status_code == status
            output = running.command.output()
            assert ("not migrated" in output) == (status == 500)
            assert output.count("Apply the migrations: uv run alembic upgrade head") == (
                status == 500
            )
            assert output.count("is a migration missing, or not applied?") == (status == 500)


def test_it_tells_of_a_model_without_a_migration_in_a_line(own_project: Project) -> None:
    with (own_project.path / "app/resources/item/models.py").open("a") as models:
        models.write("    rank: Mapped[int] = mapped_column(sa.Integer())\n")
    with dev(own_project) as running:
        output = running.command.output()
        assert "\nThere is no migration that would add column items.rank. Create it: " in output
        assert running.client.get("/items").status_code == 500


def is_changed(client: httpx.Client) -> bool:
    try:
        return bool(client.get("/health/live").json() == {"status": "changed"})
    except httpx.TransportError:
        return False
