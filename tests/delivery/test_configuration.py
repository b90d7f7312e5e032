"""The configuration of services and tools: valid, and without findings of their linters."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.conftest import Deliver
from tests.delivery.workflows import read_yaml
from tests.harness.project import Copy, Project, environment_with_uv, run
from tests.harness.template import ROOT, git
from tests.harness.thorough import fewer, usually

TOOLS = Path(sys.executable).parent
SCHEMAS = [
    ("github", ".github/workflows/*.yml", ("--builtin-schema", "vendor.github-workflows")),
    (
        "github",
        ".github/workflows/*.yml",
        ("--builtin-schema", "custom.github-workflows-require-timeout"),
    ),
    ("github", ".github/actions/*/action.yml", ("--builtin-schema", "vendor.github-actions")),
    (
        "gitlab",
        ".gitlab-ci.yml",
        ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
    ),
    ("none", "compose.yaml", ("--builtin-schema", "vendor.compose-spec")),
    ("none", "renovate.json", ("--builtin-schema", "vendor.renovate")),
    (
        "none",
        ".devcontainer/devcontainer.json",
        ("--schemafile", str(Path(__file__).with_name("devcontainer.schema.json"))),
    ),
]


def tool(name: str, *arguments: str, cwd: Path) -> str:
    """Run a tool of this repository's environment; raises CommandError if it finds something."""
    return run(str(TOOLS / name), *arguments, cwd=cwd)


@pytest.mark.parametrize(("ci", "pattern", "schema"), SCHEMAS)
def test_files_fit_their_schemas(
    deliver: Deliver, ci: str, pattern: str, schema: tuple[str, ...]
) -> None:
    project = deliver(ci)
    files = [str(path) for path in project.path.glob(pattern)]
    assert files != []
    tool("check-jsonschema", *schema, *files, cwd=project.path)


def test_pre_commit_accepts_its_configuration(service: Project) -> None:
    tool("pre-commit", "validate-config", ".pre-commit-config.yaml", cwd=service.path)


def run_hooks(runner: Path, project: Project, *arguments: str, code: int = 0) -> str:
    """Run hooks as git does: not by `uv run`, which would fix uv.lock before they look at it."""
    project.mypy_cache()
    variables = environment_with_uv(**project.variables())
    return run(str(runner), "run", *arguments, cwd=project.path, variables=variables, code=code)


def prek(project: Project) -> Path:
    return project.venv / "bin" / "prek"


@pytest.mark.parametrize("runner", usually(["prek", "pre-commit"], 1))
def test_every_hook_runs_clean_on_a_fresh_project(service: Project, runner: str) -> None:
    program = prek(service) if runner == "prek" else TOOLS / runner
    output = run_hooks(program, service, "--all-files")
    repositories = read_yaml(service.path / ".pre-commit-config.yaml")["repos"]
    names = [hook["name"] for repository in repositories for hook in repository["hooks"]]
    assert "mypy" in names
    assert [name for name in names if name not in output] == []
    assert service.changes() == ""


@pytest.mark.parametrize(
    ("hook", "file", "content"),
    [
        ("conflict-markers", "note.txt", "a\n<<<<<<< before updating\n"),
        ("rejected-changes", "app/health.py.rej", "a change\n"),
        ("secrets", ".env", "SECRET_KEY=secret\n"),
        ("private-keys", "key.txt", "-----BEGIN RSA PRIVATE" + " KEY-----\n"),
        ("trailing-space", "note.txt", "a space \n"),
        ("uv-lock", "pyproject.toml", "[tool.uv]\nconstraint-dependencies = ['fastapi<0.165.1']\n"),
        ("ruff-check", "app/note.py", "import os\n"),
        ("ruff-format", "app/note.py", "a = 'a'\n"),
        ("mypy", "app/note.py", 'a: int = "a"\n'),
        ("import-linter", "app/crud.py", "import app.main\n"),
    ],
)
def test_a_hook_finds_what_it_is_for(
    service: Project, copy: Copy, hook: str, file: str, content: str
) -> None:
    broken = copy(service)
    with (broken.path / file).open("a") as appended:
        appended.write(content)
    git(broken.path, "add", "--force", file)
    assert "Failed" in run_hooks(prek(service), broken, hook, "--files", file, code=1)


def test_zizmor_finds_nothing(service: Project) -> None:
    rules = f"--config={ROOT / 'tests' / 'delivery' / 'zizmor.yml'}"
    command = ("zizmor", "--offline", "--no-progress", rules, ".")
    assert "No findings" in tool(*command, cwd=service.path)


def test_zizmor_finds_nothing_in_this_repository() -> None:
    assert "No findings" in tool("zizmor", "--offline", "--no-progress", ".github", cwd=ROOT)


def test_hadolint_finds_nothing(service: Project) -> None:
    assert tool("hadolint", "Dockerfile", cwd=service.path) == ""


def test_the_development_container_ends_with_a_green_suite(service: Project) -> None:
    container = yaml.safe_load((service.path / ".devcontainer/devcontainer.json").read_text())
    program, *command = container["postCreateCommand"].split()
    assert program == "uv"
    variables: dict[str, Any] = fewer("tests/api/test_health.py")
    assert " passed" in service.run(*command[1:], **variables)


def test_the_development_container_has_the_tools_of_the_image(service: Project) -> None:
    container = yaml.safe_load((service.path / ".devcontainer/devcontainer.json").read_text())
    dockerfile = (service.path / "Dockerfile").read_text()
    assert container["build"]["target"] == "tools"
    assert "FROM ${BASE} AS tools" in dockerfile
