"""The scripts of a project's CI jobs, run one after another in one clone of it.

Of what a provider does besides, only this is imitated: a database server, which is an embedded one
on a port of 127.0.0.1, and outputs of steps. Files for later jobs simply stay in the clone.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.harness.project import UV, Project, environment, run
from tests.harness.service import database
from tests.harness.template import git

SERVICE_URLS = (
    "postgresql://postgres:postgres@localhost:5432/postgres",  # GitHub
    "postgresql://postgres:postgres@postgres:5432/postgres",  # GitLab
)
"""Of the service containers, as the jobs know them."""

VARIABLES = {"CI": "true", "GITHUB_RUN_ID": "12345678901", "CI_PIPELINE_ID": "2345678901"}

GITHUB = {
    "github.ref_name": "1.1.0",
    "github.repository": "somebody/service",
    "github.base_ref": "",
    "github.token": "a token",
    "secrets.TEMPLATE_TOKEN": "",
}


@dataclass(frozen=True)
class Step:
    name: str
    script: str
    variables: dict[str, str] = field(default_factory=dict)
    condition: str = ""
    id: str = ""


@dataclass(frozen=True)
class Job:
    name: str
    steps: list[Step]
    """Those that have a script."""
    variables: dict[str, str]
    context: dict[str, str] = field(default_factory=dict)

    def scripts(self) -> list[str]:
        return [f"{self.name} / {step.name}" for step in self.steps]


def github_jobs(project: Project, workflow: str) -> Iterator[Job]:
    """The jobs of .github/workflows/`workflow`, one for each value of a matrix."""
    definition = read_yaml(project.path / ".github" / "workflows" / workflow)
    for name, job in definition["jobs"].items():
        # No workflow here has a matrix of more than one dimension.
        [(dimension, values)] = job.get("strategy", {}).get("matrix", {"": [1]}).items()
        for value in values:
            yield Job(
                name=name,
                steps=list(_github_steps(project, job.get("steps", []))),
                variables=_texts(definition.get("env")) | _texts(job.get("env")),
                context={f"matrix.{dimension}": str(value), "strategy.job-total": str(len(values))},
            )


def _github_steps(project: Project, steps: list[dict[str, Any]]) -> Iterator[Step]:
    for step in steps:
        if step.get("uses", "").startswith("./"):  # a composite action of the project itself
            action = read_yaml(project.path / step["uses"].removeprefix("./") / "action.yml")
            yield from _github_steps(project, action["runs"]["steps"])
        elif "run" in step:
            yield Step(
                name=step["name"],
                script=step["run"],
                variables=_texts(step.get("env")),
                condition=step.get("if", ""),
                id=step.get("id", ""),
            )


def gitlab_jobs(project: Project) -> Iterator[Job]:
    """The jobs of .gitlab-ci.yml in the order of the file; a job's script is one step."""
    definition = read_yaml(project.path / ".gitlab-ci.yml")
    for name, job in definition.items():
        if name in {"workflow", "default", "variables"} or name.startswith("."):
            continue
        extended = job.get("extends", [])
        bases = [extended] if isinstance(extended, str) else extended
        parts = [*(definition[base] for base in bases), job]
        variables = {
            key: value for part in parts for key, value in part.get("variables", {}).items()
        }
        script = job.get("before_script", definition["default"]["before_script"]) + job["script"]
        total = job.get("parallel", 1)
        for index in range(1, total + 1):
            node = {"CI_NODE_INDEX": index, "CI_NODE_TOTAL": total}
            yield Job(name, [Step(name, "\n".join(script))], _texts(variables | node))


class Runner:
    """Runs jobs in a clone of a project."""

    def __init__(self, project: Project, folder: Path, **variables: str) -> None:
        self.project = project
        self.folder = folder
        self.checkout = folder / "checkout"
        git(folder, "clone", "--quiet", str(project.path), str(self.checkout))
        self.programs = folder / "programs"
        self.programs.mkdir()
        for program in ("uv", "uvx"):
            (self.programs / program).symlink_to(Path(UV).with_name(program))
        # What a provider's machine lacks, but only makes mypy faster.
        cache = {name: project.variables()[name] for name in project.variables() if "MYPY" in name}
        self.variables = environment(**VARIABLES | cache | variables)
        self.variables["PATH"] = f"{self.programs}:{self.variables['PATH']}"
        self.context: dict[str, str] = {}
        """What the provider knows during the last job, by the expression that asks for it."""
        self.output = ""

    def replace(self, program: str, script: str) -> None:
        """Let a shell script stand in for a program that the provider's machines have."""
        path = self.programs / program
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, job: Job, left_out: Collection[str] = ()) -> None:
        """Run the steps whose condition holds; raises CommandError if one fails."""
        self.context = GITHUB | job.context
        needs_database = not set(SERVICE_URLS).isdisjoint(job.variables.values())
        with database(self.project, tcp=True) if needs_database else nullcontext("") as url:
            variables = {
                name: url if value in SERVICE_URLS else self.expand(value)
                for name, value in job.variables.items()
            }
            for step, name in zip(job.steps, job.scripts(), strict=True):
                if name not in left_out and self.applies(step.condition):
                    self.run_step(step, self.variables | variables)

    def run_step(self, step: Step, variables: dict[str, str]) -> None:
        outputs = self.folder / "outputs"
        outputs.write_text("")
        own = {name: self.expand(value) for name, value in step.variables.items()}
        self.output += run(
            *("bash", "-e", "-o", "pipefail", "-c", self.expand(step.script)),
            cwd=self.checkout,
            variables=variables | {"GITHUB_OUTPUT": str(outputs)} | own,
        )
        for line in outputs.read_text().splitlines():
            key, _, value = line.partition("=")
            self.context[f"steps.{step.id}.outputs.{key}"] = value

    def applies(self, condition: str) -> bool:
        if condition in {"", "always()"}:
            return True
        left, right = condition.split(" == ")
        return self.context[left] == right.strip("'")

    def expand(self, text: str) -> str:
        """Replace the provider's expressions; raises KeyError for one that is not known here."""
        return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda match: self.context[match[1]], text)


def read_yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def _texts(mapping: dict[str, object] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (mapping or {}).items()}
