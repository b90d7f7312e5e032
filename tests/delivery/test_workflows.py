"""Every step of the workflows that a project gets, run as its provider would run it."""

import dataclasses
import re
import tomllib
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.composition import engine_found
from tests.delivery.conftest import PYTHON_VERSION, Change, Deliver
from tests.delivery.workflows import Job, Runner, github_jobs, gitlab_jobs, read_yaml
from tests.harness.project import CommandError, Copy, Project
from tests.harness.template import ROOT, commit, git
from tests.harness.thorough import THOROUGH, fewer, usually
from tests.harness.updates import replace

WORKFLOWS = sorted(path.name for path in ROOT.glob("template/*github*/workflows/*.yml"))

ANSWERS = ".copier-answers.yml"
NEXT = "1000.0.0"
CI = ".github/workflows/ci.yml"
ENGINE = "needs a Docker engine; test_compose.py and `nox -s image` do what it does"
INTERNET = "asks a database of vulnerabilities on the internet"
LEFT_OUT = {"audit / Known vulnerabilities": INTERNET, "audit / audit": INTERNET}
INSTALL = "tests / Install the versions in uv.lock"
if not engine_found():
    LEFT_OUT |= {
        "image / Build and run": ENGINE,
        "image / Answers": ENGINE,
        "image / Logs": ENGINE,
        "container / container": ENGINE,
    }

SAME = {"lint", "tests", "coverage", "migrations", "committed", "audit"}
"""The jobs that both providers have."""
TERMS = {
    "$CI_NODE_TOTAL": "$SHARDS",
    "$CI_NODE_INDEX": "$SHARD",
    "$CI_PIPELINE_ID": "$GITHUB_RUN_ID",
}
"""What GitLab sets itself, and what it is called in the jobs of GitHub."""

MakeRunner = Callable[[Project], Runner]


@pytest.fixture
def make_runner(tmp_path: Path) -> MakeRunner:
    return lambda project: Runner(project, tmp_path)


@pytest.fixture
def newer(template: Path, tmp_path: Path) -> Path:
    """The template with a release after the one that projects are rendered from."""
    newer = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(template), str(newer))
    commit(newer, "Next")
    git(newer, "tag", NEXT)
    return newer


@pytest.mark.parametrize("shards", usually(["[1]", "[1, 2]"], 1))
def test_every_step_of_the_github_workflows_passes(
    service: Project, make_runner: MakeRunner, change: Change, shards: str
) -> None:
    sharded = change(service, CI, "shard: [1]", f"shard: {shards}")
    if not THOROUGH:
        replace(sharded.path, {"pyproject.toml": ("fail_under = 95", "fail_under = 30")})
        commit(sharded.path, "Demand less, of fewer tests")
    runner = make_runner(sharded)
    # Else most of the time would go into reading and compiling what is installed.
    sharded.mypy_cache()
    Project(runner.checkout).install(like=sharded)
    for workflow in WORKFLOWS:
        for job in github_jobs(sharded, workflow):
            runner.run(with_fewer_tests(job), LEFT_OUT)
    *passed, nightly = (int(count) for count in re.findall(r"(\d+) passed in ", runner.output))
    assert len(passed) == len(shards.split())
    if THOROUGH:
        assert sum(passed) == nightly
    assert re.search(r"^TOTAL\s.*%$", runner.output, re.MULTILINE)


def with_fewer_tests(job: Job) -> Job:
    """A job with a few of the tests; test_suite.py and test_differential.py run them all."""
    if job.name not in ("tests", "committed"):
        return job
    return dataclasses.replace(job, variables=job.variables | fewer("tests/api/test_health.py"))


@pytest.mark.thorough  # another test shows that its commands are those of GitHub's
@pytest.mark.parametrize("repeated", [SAME - {"migrations"}, set()])
def test_every_job_of_the_gitlab_pipeline_passes(
    deliver: Deliver, make_runner: MakeRunner, repeated: set[str]
) -> None:
    """All but those that repeat the commands of GitHub's; one of these shows that they can run."""
    runner = make_runner(deliver("gitlab"))
    for job in gitlab_jobs(deliver("gitlab")):
        if job.name not in repeated:
            runner.run(job, LEFT_OUT)
    assert runner.output.count(" passed in ") == (0 if repeated else 2)


def test_the_jobs_of_both_providers_run_the_same_commands(deliver: Deliver) -> None:
    github = {
        job.name: commands(job)
        for workflow in WORKFLOWS
        for job in github_jobs(deliver("github"), workflow)
    }
    gitlab = {job.name: commands(job) for job in gitlab_jobs(deliver("gitlab"))}
    assert github.keys() & gitlab.keys() == SAME
    assert {name: gitlab[name] for name in SAME} == {name: github[name] for name in SAME}
    assert all(len(gitlab[name]) > 1 for name in SAME)


def commands(job: Job) -> list[str]:
    """What a job lets uv do, in the words of GitHub."""
    script = "\n".join(step.script for step in job.steps)
    for gitlab, github in TERMS.items():
        script = script.replace(gitlab, github)
    return [line for line in script.splitlines() if line.startswith("uv ")]


def test_what_is_left_out_is_there(deliver: Deliver) -> None:
    jobs = [job for name in WORKFLOWS for job in github_jobs(deliver("github"), name)]
    jobs += gitlab_jobs(deliver("gitlab"))
    assert set(LEFT_OUT) <= {name for job in jobs for name in job.scripts()}


def test_every_job_that_uses_uv_begins_with_the_action_that_installs_it(
    service: Project, make_runner: MakeRunner
) -> None:
    jobs = [job for name in WORKFLOWS for job in github_jobs(service, name)]
    others = [
        job.name for job in jobs if job.steps[0].name != "Find the Python version of the image"
    ]
    assert others == ["image"]


def test_the_action_installs_the_python_of_the_image(
    service: Project, make_runner: MakeRunner
) -> None:
    runner = make_runner(service)
    find_python, *_ = next(github_jobs(service, "ci.yml")).steps
    runner.run(Job("setup", [find_python], {}))
    assert runner.context["steps.python.outputs.version"] == PYTHON_VERSION
    action = read_yaml(service.path / ".github/actions/setup/action.yml")
    [inputs] = [step["with"] for step in action["runs"]["steps"] if "with" in step]
    assert inputs["python-version"] == "${{ steps.python.outputs.version }}"


def test_workflows_run_on_a_github_enterprise_server(service: Project) -> None:
    folder = service.path / ".github"
    # Such a server does not know `$/`, the way to an action of the same repository.
    assert all("uses: $/" not in path.read_text() for path in folder.rglob("*.yml"))
    action = read_yaml(folder / "actions/setup/action.yml")
    [inputs] = [step["with"] for step in action["runs"]["steps"] if "with" in step]
    assert inputs["github-token"].startswith("${{ github.server_url == 'https://github.com' && ")


def test_what_shards_measure_is_handed_on(deliver: Deliver) -> None:
    github = read_yaml(deliver("github").path / ".github/workflows/ci.yml")["jobs"]
    kept = inputs(github["tests"], "actions/upload-artifact")
    taken = inputs(github["coverage"], "actions/download-artifact")
    assert kept["path"] == github["tests"]["env"]["COVERAGE_FILE"]
    assert fnmatch(kept["name"], taken["pattern"])
    gitlab = read_yaml(deliver("gitlab").path / ".gitlab-ci.yml")
    assert gitlab["coverage"]["needs"] == ["tests"]
    assert 'export COVERAGE_FILE="coverage-$CI_NODE_INDEX"' in gitlab["tests"]["script"]
    assert fnmatch("coverage-1", *gitlab["tests"]["artifacts"]["paths"])


def inputs(job: dict[str, Any], action: str) -> dict[str, Any]:
    found: dict[str, Any]
    [found] = [step["with"] for step in job["steps"] if action in step.get("uses", "")]
    return found


@pytest.mark.thorough
def test_shards_together_have_every_test_once(
    service: Project, tmp_path: Path, change: Change
) -> None:
    sharded = change(service, CI, "shard: [1]", "shard: [1, 2]")
    collect = {"PYTEST_ADDOPTS": "--collect-only --quiet"}
    runner = Runner(sharded, tmp_path, **sharded.variables() | collect)
    jobs = [job for job in github_jobs(sharded, "ci.yml") if job.name == "tests"]
    assert len(jobs) == 2
    shards = []
    for job in jobs:
        runner.output = ""
        runner.run(job, [INSTALL])
        shards.append(collected_in(runner.output))
    assert min(map(len, shards)) > 10
    whole = collected_in(sharded.run("pytest", "--collect-only", "--quiet"))
    assert sorted(test for shard in shards for test in shard) == sorted(whole)


def collected_in(output: str) -> list[str]:
    """The tests that pytest has collected."""
    return re.findall(r"^tests/.*::test_.*$", output, re.MULTILINE)


def test_coverage_below_the_threshold_fails(service: Project, copy: Copy) -> None:
    output = copy(service).run("pytest", "tests/unit/test_settings.py", "--cov", code=1)
    assert re.search(r"95\.0% not reached\. Total coverage: [1-9]", output)


def test_coverage_follows_the_code_into_the_greenlets_of_sqlalchemy(service: Project) -> None:
    settings = tomllib.loads((service.path / "pyproject.toml").read_text())["tool"]["coverage"]
    assert settings["run"]["concurrency"] == ["greenlet", "thread"]


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
    template: Path, newer: Path, deliver: Deliver, make_runner: MakeRunner, change: Change
) -> None:
    outdated = change(deliver("gitlab"), ANSWERS, str(template), str(newer))
    [job] = [job for job in gitlab_jobs(outdated) if job.name == "template"]
    with pytest.raises(CommandError, match="New template version available"):
        make_runner(outdated).run(job)


class TestProposal:
    """The weekly job, with a `gh` that only writes down what it is asked."""

    @pytest.fixture
    def outdated(self, template: Path, service: Project, change: Change, newer: Path) -> Project:
        return change(service, ANSWERS, str(template), str(newer))

    def run(
        self, runner: Runner, project: Project, open_issues: str = "", token: str = ""
    ) -> list[str]:
        calls = runner.folder / "calls"
        runner.replace("gh", f'echo "$1 $2" >> "{calls}"; echo "{open_issues}"')
        for job in github_jobs(project, "template.yml"):
            context = job.context | {"secrets.TEMPLATE_TOKEN": token}
            runner.run(dataclasses.replace(job, context=context))
        return calls.read_text().splitlines() if calls.exists() else []

    def test_a_new_release_is_proposed_in_an_issue(
        self, make_runner: MakeRunner, outdated: Project
    ) -> None:
        calls = self.run(make_runner(outdated), outdated)
        assert calls == ["issue list", "pr list", "issue create"]

    def test_it_is_proposed_only_once(self, make_runner: MakeRunner, outdated: Project) -> None:
        calls = self.run(make_runner(outdated), outdated, open_issues="12", token="a token")
        assert calls == ["issue list", "pr list"]

    def test_with_a_token_that_may_push_it_is_a_pull_request(
        self, make_runner: MakeRunner, outdated: Project
    ) -> None:
        calls = self.run(make_runner(outdated), outdated, token="a token")
        assert calls == ["issue list", "pr list", "auth setup-git", "pr create"]
        [branch] = git(outdated.path, "branch", "--list", "template-*").split()
        assert f"_commit: {NEXT}" in git(outdated.path, "show", f"{branch}:.copier-answers.yml")

    def test_an_update_with_conflicts_is_an_issue(
        self, make_runner: MakeRunner, outdated: Project, newer: Path
    ) -> None:
        for folder, text in ((outdated.path, "Mine"), (newer / "template", "New")):
            file = folder / "dev/postgres/errors.py"
            file.write_text(file.read_text().replace('"""', f'"""{text}. ', 1))
            commit(folder, text)
        git(newer, "tag", "--force", NEXT)
        calls = self.run(make_runner(outdated), outdated, token="a token")
        assert calls == ["issue list", "pr list", "issue create"]
        assert git(outdated.path, "branch", "--list", "template-*") == ""

    def test_nothing_is_proposed_without_a_new_release(
        self, make_runner: MakeRunner, service: Project
    ) -> None:
        assert self.run(make_runner(service), service) == []
