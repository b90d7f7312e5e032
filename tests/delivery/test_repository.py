"""This repository follows the rules that it gives to users, and shares files with them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.conftest import PYTHON_VERSION
from tests.delivery.workflows import Runner, github_jobs, read_yaml
from tests.harness.project import Project
from tests.harness.template import ROOT, commit, git
from tests.harness.thorough import THOROUGH
from tools.release_notes import notes

TEMPLATE = ROOT / "template"
CHANGELOG = """# Changes

## 1.1.0 - 2026-11-25

Now with more.

## 1.0.0 - 2026-11-24

The first.

## Unreleased
"""


def hooks(folder: Path) -> dict[str, Any]:
    repositories = read_yaml(folder / ".pre-commit-config.yaml")["repos"]
    return {hook["id"]: hook for repository in repositories for hook in repository["hooks"]}


def test_files_that_both_have_are_equal() -> None:
    assert (ROOT / ".editorconfig").read_text() == (TEMPLATE / ".editorconfig").read_text()
    ours = (ROOT / ".gitattributes").read_text()
    assert (TEMPLATE / ".gitattributes.jinja").read_text().startswith(ours)


def test_hooks_that_both_have_are_equal() -> None:
    ours, theirs = hooks(ROOT), hooks(TEMPLATE)
    assert ours == {name: theirs[name] for name in ours}
    assert set(theirs) - set(ours) == {"import-linter", "secrets", "uv-lock"}


def test_dependencies_are_updated_by_the_same_rules() -> None:
    ours, theirs = (
        json.loads((folder / "renovate.json").read_text()) for folder in (ROOT, TEMPLATE)
    )
    [pattern] = ours.pop("github-actions")["managerFilePatterns"]
    assert theirs["packageRules"].pop(0)["matchManagers"] == ["copier"]
    assert ours == theirs
    files = [str(path.relative_to(ROOT)) for path in TEMPLATE.glob("*github*/**/*.yml")]
    assert files != []
    assert all(re.search(pattern.strip("/"), file) for file in files)


def test_an_action_has_the_same_version_everywhere() -> None:
    paths = [*ROOT.glob(".github/**/*.yml"), *TEMPLATE.glob("*github*/**/*.yml")]
    uses = {
        line
        for path in paths
        for line in re.findall(r"uses: (\S+@.+)$", path.read_text(), re.MULTILINE)
    }
    actions = [use.partition("@")[0] for use in uses]
    assert "actions/checkout" in actions
    assert sorted(actions) == sorted(set(actions)), uses
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", use) for use in uses), uses


def test_workflows_hold_no_jinja() -> None:
    files = [path.name for path in TEMPLATE.glob("*git*/**/*") if path.is_file()]
    assert "ci.yml" in files
    assert [name for name in files if name.endswith(".jinja")] == []


def test_the_steps_of_the_test_workflow_pass(template: Path, tmp_path: Path) -> None:
    # Its tests are the ones that are running: they are only collected, or this would never end.
    ours = Project(template)
    # And its types are looked at by the workflow itself: alone they take half of the time.
    runner = Runner(
        *(ours, tmp_path),
        PYTEST_ADDOPTS="--collect-only --quiet",
        SKIP="" if THOROUGH else "mypy",
    )
    for job in github_jobs(ours, "ci.yml"):
        if job.context.get("matrix.python", PYTHON_VERSION) == PYTHON_VERSION:
            runner.run(job)
    assert "ruff format" in runner.output
    assert "tests/delivery/test_repository.py" in runner.output


def test_the_steps_of_the_release_workflow_publish_notes_and_an_example(
    template: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(template), str(ours))
    (ours / "CHANGELOG.md").write_text(CHANGELOG)
    project = (ours / "pyproject.toml").read_text()
    version = re.compile("^version = .*", re.MULTILINE)
    (ours / "pyproject.toml").write_text(version.sub('version = "1.1.0"', project))
    commit(ours, "Release")
    git(ours, "tag", "1.1.0")
    # It needs nothing that the environment of these tests does not have.
    runner = Runner(Project(ours), tmp_path, UV_PROJECT_ENVIRONMENT=sys.prefix, UV_NO_SYNC="1")
    published = tmp_path / "published"
    runner.replace("gh", f'(echo "$@"; cat notes.md; tar -tf example-$3.tar.gz) > "{published}"')
    for job in github_jobs(Project(ours), "release.yml"):
        runner.run(job)
    text = published.read_text()
    assert text.startswith("release create 1.1.0 --verify-tag")
    assert "Now with more." in text
    assert "The first." not in text
    assert "example/pyproject.toml" in text


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("release-1", "release-1 is not a valid PEP 440 version"),
        ("1.1.0-rc1", "write 1.1.0-rc1 as 1.1.0rc1"),
        ("1.2.0", "CHANGELOG.md has no entry under the heading '## 1.2.0'"),
        ("Unreleased", "not a valid PEP 440 version"),
    ],
)
def test_a_release_that_is_refused_says_what_to_do(tag: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        notes(tag, CHANGELOG)


def test_a_refused_release_fails() -> None:
    command = (sys.executable, "-m", "tools.release_notes", "release-1")
    run = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("release-1 is not a valid PEP 440 version")
