"""Every step of the workflows that a project gets, run as its provider would run it."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery.composition import engine_found
from tests.delivery.conftest import Deliver
from tests.delivery.workflows import Provider, Step, github_jobs, gitlab_jobs, read_yaml
from tests.harness.project import CommandError, Copy, Project
from tests.harness.template import ROOT, commit, git

WORKFLOWS = sorted(path.name for path in ROOT.glob("template/*github*/workflows/*.yml"))

ANSWERS = ".copier-answers.yml"
ENGINE = "needs a Docker engine; test_compose.py and `nox -s image` do what it does"
INTERNET = "asks a database of vulnerabilities on the internet"
LEFT_OUT = {"audit / Known vulnerabilities": INTERNET, "audit / audit": INTERNET}
if not engine_found():
    LEFT_OUT |= {
        "image / Build and run": ENGINE,
        "image / Answers": ENGINE,
        "image / Logs": ENGINE,
        "container / container": ENGINE,
    }

Change = Callable[[Project, str, str, str], Project]


@pytest.fixture
def provider(tmp_path: Path) -> Callable[[Project], Provider]:
    return lambda project: Provider(project, tmp_path / "provider", LEFT_OUT)


@pytest.fixture
def newer(template: Path, tmp_path: Path) -> Path:
    """The template with a release after the one that projects are rendered from."""
    newer = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(template), str(newer))
    commit(newer, "Next")
    git(newer, "tag", "1000.0.0")
    return newer


def scripts(steps: list[Step], job: str) -> list[str]:
    return [f"{job.partition(' ')[0]} / {step.name}" for step in steps if step.script]


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_step_of_a_github_workflow_passes(
    service: Project, provider: Callable[[Project], Provider], workflow: str
) -> None:
    github = provider(service)
    expected = []
    for job in github_jobs(service, workflow):
        github.run(job)
        expected += scripts(job.steps, job.name)
    not_run = set(expected) - set(github.ran)
    assert not_run - {"check-update / Propose the update"} <= set(LEFT_OUT)


def test_every_job_of_the_gitlab_pipeline_passes(
    deliver: Deliver, provider: Callable[[Project], Provider]
) -> None:
    project = deliver("gitlab")
    gitlab = provider(project)
    expected = []
    for job in gitlab_jobs(project):
        gitlab.run(job)
        expected += scripts(job.steps, job.name)
    assert set(expected) - set(gitlab.ran) <= set(LEFT_OUT)


def test_what_is_left_out_is_there(deliver: Deliver) -> None:
    jobs = [job for name in WORKFLOWS for job in github_jobs(deliver("github"), name)]
    jobs += gitlab_jobs(deliver("gitlab"))
    assert set(LEFT_OUT) <= {name for job in jobs for name in scripts(job.steps, job.name)}


def test_shards_together_run_every_test_and_reach_the_coverage(
    service: Project, provider: Callable[[Project], Provider], change: Change
) -> None:
    sharded = change(service, ".github/workflows/ci.yml", "shard: [1]", "shard: [1, 2]")
    sharded.run("true")
    github = provider(sharded)
    jobs = [job for job in github_jobs(sharded, "ci.yml") if job.name[:-2] in {"tests", "coverage"}]
    assert [job.name for job in jobs] == ["tests 1", "tests 2", "coverage 1"]
    for job in jobs:
        github.run(job)
    passed = [int(count) for count in re.findall(r"(\d+) passed", github.output)]
    collected = sharded.run("pytest", "--collect-only", "--quiet").count("::test_")
    assert len(passed) == 2
    assert sum(passed) == collected


def test_coverage_below_the_threshold_fails(service: Project, copy: Copy) -> None:
    one = ("pytest", "--cov", "tests/services/test_settings.py")
    assert "less than fail-under=95" in copy(service).run(*one, code=1)


def test_coverage_follows_the_code_into_the_greenlets_of_sqlalchemy(service: Project) -> None:
    settings = tomllib.loads((service.path / "pyproject.toml").read_text())["tool"]["coverage"]
    assert settings["run"]["concurrency"] == ["greenlet", "thread"]


def test_a_project_without_a_resource_reaches_the_coverage(
    rendered: Callable[[str], Project],
) -> None:
    assert "Required test coverage" in rendered("no_resource").run("pytest", "--cov")


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflows_may_only_read_and_replace_their_older_runs(
    service: Project, workflow: str
) -> None:
    definition = read_yaml(service.path / ".github" / "workflows" / workflow)
    assert definition["permissions"] == {"contents": "read"}
    assert definition["concurrency"]["cancel-in-progress"] is True
    writes = {
        (name, right)
        for name, job in definition["jobs"].items()
        for right, level in job.get("permissions", {}).items()
        if level == "write"
    }
    assert writes <= {("check-update", "issues")}


def test_gitlab_tells_of_a_new_release_by_a_failed_job(
    template: Path,
    newer: Path,
    deliver: Deliver,
    provider: Callable[[Project], Provider],
    change: Change,
) -> None:
    outdated = change(deliver("gitlab"), ANSWERS, str(template), str(newer))
    job = next(job for job in gitlab_jobs(outdated) if job.name == "template 1")
    with pytest.raises(CommandError, match="New template version available"):
        provider(outdated).run(job)


def test_a_conflict_of_an_update_fails_the_lint_job(
    service: Project, provider: Callable[[Project], Provider], change: Change
) -> None:
    changed = change(service, "app/health.py", "import asyncio\n", "<<<<<<< before updating\n")
    lint = next(job for job in github_jobs(changed, "ci.yml") if job.name == "lint 1")
    with pytest.raises(CommandError, match="no conflict markers"):
        provider(changed).run(lint)


class TestProposal:
    """The weekly job, with a `gh` that only writes down what it is asked."""

    @pytest.fixture
    def outdated(self, template: Path, service: Project, change: Change, newer: Path) -> Project:
        return change(service, ANSWERS, str(template), str(newer))

    def run(self, provider: Provider, project: Project, open_issues: str) -> list[str]:
        calls = provider.folder / "calls"
        provider.replace("gh", f'echo "$1 $2" >> "{calls}"; echo "{open_issues}"')
        for job in github_jobs(project, "template.yml"):
            provider.run(job)
        return calls.read_text().splitlines() if calls.exists() else []

    def test_a_new_release_is_proposed_in_an_issue(
        self, provider: Callable[[Project], Provider], outdated: Project
    ) -> None:
        calls = self.run(provider(outdated), outdated, open_issues="")
        assert calls == ["issue list", "issue create"]

    def test_it_is_proposed_only_once(
        self, provider: Callable[[Project], Provider], outdated: Project
    ) -> None:
        assert self.run(provider(outdated), outdated, open_issues="12") == ["issue list"]

    def test_nothing_is_proposed_without_a_new_release(
        self, provider: Callable[[Project], Provider], service: Project
    ) -> None:
        assert self.run(provider(service), service, open_issues="") == []
