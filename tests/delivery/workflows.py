"""Runs the jobs of a project's CI as their provider would.

Each job starts in a clone of its own. A service container is an embedded server on a port of
127.0.0.1, artifacts are files in a folder, and uv is this machine's.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.harness.project import UV, Project, environment, start
from tests.harness.service import database
from tests.harness.template import git

SERVICE_URLS = (
    "postgresql://postgres:postgres@localhost:5432/postgres",  # GitHub
    "postgresql://postgres:postgres@postgres:5432/postgres",  # GitLab
)
"""Of the service containers, as the jobs know them."""

VARIABLES = {"CI": "true", "GITHUB_RUN_ID": "12345678901", "CI_PIPELINE_ID": "2345678901"}

GITHUB = {
    "github.ref": "refs/heads/main",
    "github.ref_name": "1.1.0",
    "github.repository": "somebody/service",
    "github.token": "a token",
}
"""What the provider knows, by the expression that asks for it."""


@dataclass(frozen=True)
class Step:
    """A step of a job, for a provider's action or a script of its own."""

    name: str
    script: str = ""
    action: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    condition: str = ""
    id: str = ""


@dataclass(frozen=True)
class Job:
    name: str
    steps: list[Step]
    variables: dict[str, str]
    needs_database: bool = False
    context: dict[str, str] = field(default_factory=dict)
    fetches: bool = False
    """Whether it starts with the artifacts of the jobs before it."""
    keeps: list[str] = field(default_factory=list)
    """Patterns of files that it leaves as artifacts."""


def github_jobs(project: Project, workflow: str) -> Iterator[Job]:
    """The jobs of .github/workflows/`workflow`, one for each combination of a matrix."""
    definition = read_yaml(project.path / ".github" / "workflows" / workflow)
    for name, job in definition["jobs"].items():
        if "steps" not in job:  # another workflow
            continue
        steps = [step for raw in job["steps"] for step in _github_steps(project, raw)]
        # No workflow here has a matrix of more than one dimension.
        [(dimension, values)] = job.get("strategy", {}).get("matrix", {"": [1]}).items()
        for value in values:
            yield Job(
                name=f"{name} {value}",
                steps=steps,
                variables=_texts(definition.get("env")) | _texts(job.get("env")),
                needs_database="services" in job,
                context={f"matrix.{dimension}": str(value), "strategy.job-total": str(len(values))},
            )


def _github_steps(project: Project, raw: dict[str, Any]) -> Iterator[Step]:
    action = raw.get("uses", "").partition("@")[0]
    if action.startswith("$/"):  # a composite action of the project itself
        definition = read_yaml(project.path / action.removeprefix("$/") / "action.yml")
        for step in definition["runs"]["steps"]:
            yield from _github_steps(project, step)
        return
    yield Step(
        name=raw.get("name", action),
        script=raw.get("run", ""),
        action=action,
        inputs=_texts(raw.get("with")),
        variables=_texts(raw.get("env")),
        condition=raw.get("if", ""),
        id=raw.get("id", ""),
    )


def gitlab_jobs(project: Project) -> Iterator[Job]:
    """The jobs of .gitlab-ci.yml in the order of the file; a job's script is one step."""
    definition = read_yaml(project.path / ".gitlab-ci.yml")
    for name, raw in definition.items():
        if name in {"workflow", "default", "variables"} or name.startswith("."):
            continue
        job = {"parallel": 1} | definition["default"] | _extended(definition, raw)
        # The cache is the provider's: here it is that of this machine.
        variables = definition["variables"] | job.get("variables", {})
        del variables["UV_CACHE_DIR"]
        for index in range(1, job["parallel"] + 1):
            node = {"CI_NODE_INDEX": index, "CI_NODE_TOTAL": job["parallel"]}
            yield Job(
                name=f"{name} {index}",
                steps=[Step(name=name, script="\n".join(job["before_script"] + job["script"]))],
                variables=_texts(variables | node),
                needs_database="postgres:18" in str(job.get("services")),
                fetches="needs" in job,
                keeps=job.get("artifacts", {}).get("paths", []),
            )


def _extended(definition: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """The job with what it extends; of all that has parts only variables are merged."""
    names = job.get("extends", [])
    parts = [definition[name] for name in ([names] if isinstance(names, str) else names)] + [job]
    variables = {name: value for part in parts for name, value in part.get("variables", {}).items()}
    return {key: value for part in parts for key, value in part.items()} | {"variables": variables}


class Provider:
    """Runs jobs one after the other, and remembers which steps it ran."""

    def __init__(
        self, project: Project, folder: Path, left_out: dict[str, str], **variables: str
    ) -> None:
        """`left_out` says of each step that is not to be run why not: {"job / step": reason}."""
        self.project = project
        self.variables = VARIABLES | variables
        self.folder = folder
        self.left_out = left_out
        self.ran: list[str] = []
        self.output = ""
        self.programs = folder / "programs"
        self.artifacts = folder / "artifacts"
        self.programs.mkdir(parents=True)
        self.artifacts.mkdir()
        for program in ("uv", "uvx"):
            (self.programs / program).symlink_to(Path(UV).with_name(program))

    def replace(self, program: str, script: str) -> None:
        """Let a shell script stand in for a program that the provider's machines have."""
        path = self.programs / program
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, job: Job) -> None:
        """Raises CommandError if a step fails."""
        checkout = self.folder / "jobs" / job.name
        git(self.folder, "clone", "--quiet", str(self.project.path), str(checkout))
        _JobRun(self, job, checkout).run()


class _JobRun:
    """One job's state: what a step leaves to those after it."""

    def __init__(self, provider: Provider, job: Job, checkout: Path) -> None:
        self.provider = provider
        self.job = job
        self.checkout = checkout
        self.context = GITHUB | job.context
        self.variables = environment(**provider.variables)
        self.variables["PATH"] = f"{provider.programs}:{self.variables['PATH']}"
        self.variables["CI_PROJECT_DIR"] = str(checkout)

    def run(self) -> None:
        with ExitStack() as stack:
            replacements = {}
            if self.job.needs_database:
                url = stack.enter_context(database(self.provider.project, tcp=True))
                replacements = dict.fromkeys(SERVICE_URLS, url)
            for name, value in self.job.variables.items():
                self.variables[name] = replacements.get(value, self.expand(value))
            if self.job.fetches:
                self.fetch()
            for step in self.job.steps:
                self.step(step)
            for pattern in self.job.keeps:
                self.keep(pattern)

    def step(self, step: Step) -> None:
        name = f"{self.job.name.partition(' ')[0]} / {step.name}"
        if name in self.provider.left_out or not self.applies(step.condition):
            return
        inputs = {key: self.expand(value) for key, value in step.inputs.items()}
        match step.action:
            case "":
                self.script(step)
                self.provider.ran.append(name)
            case "actions/checkout":
                assert inputs["persist-credentials"] == "false"
            case "astral-sh/setup-uv":
                if "python-version" in inputs:
                    self.variables["UV_PYTHON"] = inputs["python-version"]
            case "actions/upload-artifact":
                self.keep(inputs["path"])
            case "actions/download-artifact":
                self.fetch()
            case unknown:
                raise AssertionError(f"{name} uses {unknown}, which these tests do not know")

    def script(self, step: Step) -> None:
        outputs = self.provider.folder / "outputs"
        outputs.write_text("")
        own = {name: self.expand(value) for name, value in step.variables.items()}
        variables = self.variables | {"GITHUB_OUTPUT": str(outputs)} | own
        command = ("bash", "-e", "-o", "pipefail", "-c", self.expand(step.script))
        with start(command, self.checkout, variables) as running:
            self.provider.output += running.wait()
        for line in outputs.read_text().splitlines():
            key, _, value = line.partition("=")
            self.context[f"steps.{step.id}.outputs.{key}"] = value

    def applies(self, condition: str) -> bool:
        if condition in {"", "always()"}:
            return True
        left, operator, right = condition.split()
        assert operator == "=="
        return self.context[left] == right.strip("'")

    def expand(self, text: str) -> str:
        """Replace the provider's expressions; raises KeyError for one that is not known here."""
        return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda match: self.context[match[1]], text)

    def keep(self, pattern: str) -> None:
        kept = list(self.checkout.glob(pattern))
        assert kept != [], f"{self.job.name} made no {pattern}"
        for path in kept:
            shutil.copy(path, self.provider.artifacts)

    def fetch(self) -> None:
        shutil.copytree(self.provider.artifacts, self.checkout, dirs_exist_ok=True)


def read_yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def _texts(mapping: dict[str, object] | None) -> dict[str, str]:
    """Values as a provider passes them on: true becomes "true"."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in (mapping or {}).items()
    }
