"""The services of compose.yaml: in Docker where there is an engine, else as processes."""

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.harness.ports import free_port
from tests.harness.processes import eventually
from tests.harness.project import Project
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
    """The commands of the services on this machine, in the order of their dependencies."""
    services = composition(project)
    port = str(free_port())
    local = {"0.0.0.0": "127.0.0.1"}
    serve = [local.get(word, word) for word in image_command(project)]
    with database(project, tcp=True) as url, TemporaryDirectory() as secrets:
        variables = settings(project) | services["app"]["environment"] | {"DATABASE_URL": url}
        with project.start(*services["migrate"]["command"], **variables) as migration:
            migration.wait()
        variables["SECRET_KEY"] = create_secret_key(project, Path(secrets))
        with project.start(*serve, UVICORN_PORT=port, **variables) as app:
            _, *check = services["app"]["healthcheck"]["test"]
            check = [word.replace(":8000/", f":{port}/") for word in check]
            assert eventually(lambda: succeeds(project, check)), app.output()
            yield Running(
                f"http://127.0.0.1:{port}",
                lambda: app.process.send_signal(signal.SIGTERM),
                app.process.wait,
                app.output,
            )


def create_secret_key(project: Project, folder: Path) -> str:
    """Run the command of `secret-key` on a folder in the place of its volume."""
    command = composition(project)["secret-key"]["command"]
    project.run(*(word.replace("/run/secrets", str(folder)) for word in command))
    return (folder / "secret_key").read_text()


def succeeds(project: Project, command: list[str]) -> bool:
    with project.start(*command) as running:
        return running.process.wait(60) == 0


def image_command(project: Project) -> list[str]:
    text = (project.path / "Dockerfile").read_text()
    command: list[str] = json.loads(text.rpartition("\nCMD ")[2])
    return command
