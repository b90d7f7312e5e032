"""Clients of a service that runs in two processes."""

from pathlib import Path

from tests.features.conftest import Featured
from tests.harness.servers import embedded, server
from tests.harness.service import start

CLIENTS = Path(__file__).parent / "overlay" / "clients.py"


def test_clients_of_all_processes_hear_also_after_a_restart_of_the_database(
    featured: Featured,
) -> None:
    project = featured("realtime")
    with (
        server(embedded(project.path / ".venv")) as database,
        start(project, database.url) as (one, command),
        start(project, database.url) as (other, _),
        project.start(
            "python", str(CLIENTS), *(str(it.base_url) for it in (one, other))
        ) as clients,
    ):
        clients.wait_for("(foreign pages are refused)")
        database.stop("fast")
        database.start()
        said = clients.wait(0)
        log = command.output()
    assert said.splitlines() == [
        "all processes hear",
        "streams hear",
        "foreign pages are refused",
        "all processes hear again",
        "what was sent before leaving is heard",
        "who leaves is no error",
        "who does not read is cut off",
    ]
    assert "exception" not in log
