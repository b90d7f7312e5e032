"""What compose.yaml promises."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.delivery import running
from tests.delivery.composition import (
    Running,
    as_processes,
    composition,
    create_secret_key,
    engine_found,
    image_command,
    in_docker,
    settings,
)
from tests.harness.project import Project


@pytest.fixture
def up(service: Project) -> Iterator[Running]:
    with (in_docker if engine_found() else as_processes)(service) as running:
        yield running


def test_the_service_is_ready_and_serves_once_everything_is_up(up: Running) -> None:
    assert httpx.get(f"{up.url}/health/ready", timeout=30).status_code == 200
    running.crud_round_trip(up.url)


def test_it_finishes_the_request_in_flight_and_stops_in_time(up: Running) -> None:
    request = running.RequestInFlight(up.url)
    started = time.monotonic()
    up.send_stop()
    time.sleep(0.5)
    assert request.finish() == 201
    # The service ends by the signal that it was sent, unless it is a container's first process.
    assert up.wait() in {0, 128 + signal.SIGTERM}
    assert "Application shutdown complete" in up.log()
    assert time.monotonic() - started < running.GRACE


def test_the_service_waits_for_its_database_and_its_migrations(service: Project) -> None:
    services = composition(service)
    assert services["app"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "secret-key": {"condition": "service_completed_successfully"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_the_service_asks_for_the_database_that_its_container_makes(service: Project) -> None:
    services = composition(service)
    made = services["database"]["environment"]
    for name in ("app", "migrate"):
        url = urlsplit(services[name]["environment"]["DATABASE_URL"])
        assert (url.username, url.password) == (made["POSTGRES_USER"], made["POSTGRES_PASSWORD"])
        assert (url.hostname, url.path) == ("database", f"/{made['POSTGRES_USER']}")


def test_the_service_runs_in_production_mode(service: Project) -> None:
    # What a container sets takes precedence over what .env says.
    assert composition(service)["app"]["environment"]["ENVIRONMENT"] == "production"
    assert settings(service)["ENVIRONMENT"] == "development"


def test_the_key_is_created_once_and_read_where_it_was_written(
    service: Project, tmp_path: Path
) -> None:
    first, second = create_secret_key(service, tmp_path), create_secret_key(service, tmp_path)
    assert first == second
    assert len(first) >= 48
    services = composition(service)
    assert services["secret-key"]["volumes"] == ["secrets:/run/secrets"]
    assert services["app"]["volumes"] == ["secrets:/run/secrets:ro"]


def test_the_service_and_its_database_start_again_and_have_time_to_stop(service: Project) -> None:
    services = composition(service)
    assert all(services[name]["restart"] == "unless-stopped" for name in ("app", "database"))
    assert services["app"]["stop_grace_period"] == f"{running.GRACE}s"
    command = image_command(service)
    seconds = command[command.index("--timeout-graceful-shutdown") + 1]
    assert int(seconds) < running.GRACE


def test_a_database_is_healthy_once_it_answers_by_tcp(service: Project) -> None:
    # While the image sets it up, it answers on its socket only.
    for name in ("database", "test-database"):
        check = composition(service)[name]["healthcheck"]["test"]
        assert check == ["CMD", "pg_isready", "--host=127.0.0.1"]


def test_containers_of_the_service_have_no_more_rights_than_they_need(service: Project) -> None:
    for name in ("app", "migrate", "secret-key"):
        container = composition(service)[name]
        assert container["read_only"] is True
        assert container["cap_drop"] == ["ALL"]
        assert container["security_opt"] == ["no-new-privileges:true"]


def test_ports_are_open_to_this_machine_only(service: Project) -> None:
    ports = [
        port for container in composition(service).values() for port in container.get("ports", [])
    ]
    assert ports == ["127.0.0.1:8000:8000", "127.0.0.1:5433:5432"]


def test_data_outlive_their_container(service: Project) -> None:
    assert composition(service)["database"]["volumes"] == ["database:/var/lib/postgresql"]


def test_a_change_of_the_code_rebuilds(service: Project) -> None:
    watched = composition(service)["app"]["develop"]["watch"]
    assert {(watch["action"], watch["path"]) for watch in watched} == {
        ("rebuild", "app"),
        ("rebuild", "uv.lock"),
    }
    assert all((service.path / watch["path"]).exists() for watch in watched)


def test_the_database_of_the_tests_is_in_memory_and_starts_on_demand(service: Project) -> None:
    container = composition(service)["test-database"]
    assert container["profiles"] == ["test"]
    assert container["tmpfs"] == "/var/lib/postgresql"


def test_the_url_in_the_settings_is_that_of_the_database_of_the_tests(service: Project) -> None:
    [line] = re.findall(
        r"^# TEST_DATABASE_URL=(.+)$", (service.path / ".env.example").read_text(), re.MULTILINE
    )
    url = urlsplit(line)
    container = composition(service)["test-database"]
    assert (url.username, url.password) == (
        "postgres",
        container["environment"]["POSTGRES_PASSWORD"],
    )
    assert container["ports"] == [f"127.0.0.1:{url.port}:5432"]


def test_the_database_of_the_tests_does_not_wait_for_disks(service: Project) -> None:
    options = composition(service)["test-database"]["command"]
    assert options[::2] == ["-c"] * 3
    names = {option.removesuffix("=off") for option in options[1::2]}
    assert names == {"fsync", "synchronous_commit", "full_page_writes"}
