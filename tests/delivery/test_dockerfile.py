"""What the Dockerfile promises, as far as reading it can tell."""

import json
import re
from dataclasses import dataclass

import pytest

from tests.harness.project import Project

ESSENTIALS = {"app", "migrations", "pyproject.toml", "uv.lock"}


@dataclass(frozen=True)
class Instruction:
    name: str
    arguments: str


@dataclass(frozen=True)
class Stage:
    base: str
    name: str
    instructions: list[Instruction]

    def all(self, name: str) -> list[str]:
        return [
            instruction.arguments for instruction in self.instructions if instruction.name == name
        ]

    def only(self, name: str) -> str:
        [arguments] = self.all(name)
        return arguments


@pytest.fixture(scope="module")
def stages(service: Project) -> list[Stage]:
    text = (service.path / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    instructions = [
        Instruction(*line.split(maxsplit=1))
        for line in "\n".join(lines).replace("\\\n", " ").splitlines()
        if line
    ]
    stages: list[Stage] = []
    for instruction in instructions:
        if instruction.name == "FROM":
            base, _, name = instruction.arguments.partition(" AS ")
            stages.append(Stage(base, name, []))
        elif stages:
            stages[-1].instructions.append(instruction)
    return stages


@pytest.fixture(scope="module")
def build(stages: list[Stage]) -> Stage:
    return next(stage for stage in stages if stage.name == "build")


@pytest.fixture(scope="module")
def final(stages: list[Stage]) -> Stage:
    return stages[-1]


def test_images_are_build_arguments_with_a_tag(service: Project, stages: list[Stage]) -> None:
    arguments = dict(
        re.findall(r"^ARG (\w+)=(\S+)$", (service.path / "Dockerfile").read_text(), re.MULTILINE)
    )
    assert set(arguments) == {"BASE", "UV"}
    assert all(re.search(r":[\w.-]+$", image) for image in arguments.values())
    foreign = {stage.base for stage in stages} - {stage.name for stage in stages}
    assert foreign == {"${BASE}", "${UV}"}


def test_nothing_is_installed_into_the_base_of_the_result(final: Stage) -> None:
    assert final.base == "${BASE}"
    assert final.all("RUN") == []
    assert final.all("ADD") == []


def test_the_result_takes_only_what_was_built(final: Stage) -> None:
    copies = final.all("COPY")
    assert all(copy.startswith("--from=build /service/") for copy in copies)
    taken = {copy.split()[1].removeprefix("/service/") for copy in copies}
    assert taken == {".venv", "app", "migrations", "pyproject.toml"}


def test_dependencies_are_those_of_the_lock_file_without_development(build: Stage) -> None:
    sync = next(run for run in build.all("RUN") if "uv sync" in run)
    assert {"--locked", "--no-dev", "--no-install-project"} <= set(sync.split())
    assert "--mount=type=cache,target=/root/.cache/uv" in sync


def test_dependencies_are_built_before_the_code_that_changes_more_often(build: Stage) -> None:
    steps = [instruction.arguments for instruction in build.instructions]
    sync = next(number for number, step in enumerate(steps) if "uv sync" in step)
    assert sync < steps.index("app app")


def test_bytecode_is_compiled_and_never_written_later(stages: list[Stage], final: Stage) -> None:
    tools = next(stage for stage in stages if stage.name == "tools")
    assert "UV_COMPILE_BYTECODE=1" in tools.only("ENV")
    assert "PYTHONDONTWRITEBYTECODE=1" in final.only("ENV")


def test_the_code_is_compiled_and_readable_for_everybody(build: Stage) -> None:
    last = build.all("RUN")[-1]
    assert "compileall -q app migrations" in last
    assert "chmod -R a+rX ." in last


def test_it_runs_as_a_user_who_is_not_root_and_needs_no_name(final: Stage) -> None:
    user, group = final.only("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_it_runs_in_production_unless_told_otherwise(final: Stage) -> None:
    assert "ENVIRONMENT=production" in final.only("ENV")


def test_it_starts_the_service_itself_so_that_signals_reach_it(final: Stage) -> None:
    command = json.loads(final.only("CMD"))
    assert command[:3] == ["uvicorn", "--factory", "app.main:create_app"]
    assert final.all("ENTRYPOINT") == []


def test_requests_in_flight_end_before_docker_kills(final: Stage) -> None:
    command = json.loads(final.only("CMD"))
    assert 0 < int(command[command.index("--timeout-graceful-shutdown") + 1]) < 10


def test_its_health_is_whether_it_lives(final: Stage) -> None:
    # Not whether it is ready: an orchestrator restarts what is not healthy, and a restart does not
    # bring a database back.
    options, command = final.only("HEALTHCHECK").split("CMD")
    assert "--timeout=" in options
    assert "/health/live" in json.loads(command)[-1]


def test_only_what_the_image_needs_can_get_into_it(service: Project) -> None:
    lines = (service.path / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == ESSENTIALS


def test_everything_that_is_copied_is_let_in(build: Stage) -> None:
    sources = {source for copy in build.all("COPY") for source in copy.split()[:-1]}
    assert sources == ESSENTIALS
