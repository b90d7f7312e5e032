"""The database that `uv run dev` and Alembic use if DATABASE_URL is not set."""

import socket

import pytest

from tests.harness.processes import Family
from tests.harness.project import Project


def run_failing(project: Project, *options: str, **variables: str) -> str:
    """The output of `dev` when it cannot start and leaves nothing running."""
    family = Family()
    with project.start("dev", *options, **family.variables, **variables) as command:
        output = command.wait(1)
    assert "Traceback" not in output
    assert family.commands() == []
    return output


def test_alembic_works_without_a_database_url(own_project: Project) -> None:
    family = Family()
    for command in (("upgrade", "head"), ("check",)):
        with own_project.start("alembic", *command, **family.variables) as running:
            running.wait()
    assert family.commands() == []


def test_alembic_uses_the_server_of_a_running_service(own_project: Project) -> None:
    with own_project.start("dev", "--port", "0", "--no-reload") as command:
        command.wait_for("(startup complete)")
        assert "(head)" in own_project.run("alembic", "current")
        assert command.process.poll() is None


def test_a_second_service_shares_the_database(own_project: Project) -> None:
    found = r"Database: (\S+)"
    with own_project.start("dev", "--port", "0") as first:
        url = first.wait_for(found)
        first.wait_for("(startup complete)")
        with own_project.start("dev", "--port", "0") as second:
            assert second.wait_for(found) == url
            second.wait_for("(startup complete)")


def test_a_port_in_use_is_reported_without_a_traceback(own_project: Project) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        output = run_failing(own_project, "--port", str(port))
    assert f"Cannot listen on 127.0.0.1, port {port}" in output


def test_a_failing_migration_is_reported_without_a_traceback(own_project: Project) -> None:
    (migration,) = (own_project.path / "migrations" / "versions").glob("*.py")
    migration.write_text(migration.read_text() + "raise RuntimeError('a broken migration')\n")
    output = run_failing(own_project, "--port", "0")
    assert "The migrations failed: a broken migration" in output


def test_a_migration_of_another_branch_is_named(own_project: Project) -> None:
    own_project.run("alembic", "revision", "--rev-id", "elsewhere", "--message", "elsewhere")
    own_project.run("alembic", "upgrade", "head")
    (migration,) = (own_project.path / "migrations" / "versions").glob("*elsewhere.py")
    migration.unlink()
    output = run_failing(own_project, "--port", "0")
    assert "The migrations failed: Can't locate revision identified by 'elsewhere'" in output
    assert "The database has a migration that does not exist here, usually one from" in output


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://me:secret@127.0.0.1:1/none", "127.0.0.1"),
        ("mysql://me:secret@127.0.0.1/none", "must look like"),
    ],
)
def test_an_unusable_database_is_reported_without_a_traceback_or_password(
    own_project: Project, url: str, reason: str
) -> None:
    output = run_failing(own_project, "--port", "0", "--migrate", DATABASE_URL=url)
    assert reason in output
    assert "secret" not in output
