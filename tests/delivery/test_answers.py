"""What the answers `ci` and `license` bring, and what they leave out."""

import tomllib
from pathlib import Path

import pytest
from copier import VcsRef

from tests.delivery.conftest import Deliver
from tests.harness.project import Copy, Project, render
from tests.harness.template import git
from tests.harness.updates import update

CI_FILES: dict[str, set[str]] = {
    "github": {
        ".github/actions/setup/action.yml",
        ".github/workflows/ci.yml",
        ".github/workflows/nightly.yml",
        ".github/workflows/template.yml",
    },
    "gitlab": {".gitlab-ci.yml"},
    "none": set(),
}
KNOW_OF_BOTH = {"uv.lock", "dev/template/documents.py"}
"""Files that name providers whatever the answer: where the template itself may be."""


def contents(project: Project) -> dict[str, str]:
    return {file: (project.path / file).read_text() for file in project.files()}


@pytest.mark.parametrize("ci", CI_FILES)
def test_a_project_has_the_files_of_its_ci_and_no_trace_of_another(
    deliver: Deliver, ci: str
) -> None:
    files = contents(deliver(ci))
    assert set(files) - set(contents(deliver("none"))) == CI_FILES[ci]
    for other in {"github", "gitlab"} - {ci}:
        traces = {
            f"{file}: {line}"
            for file, text in files.items()
            if file not in KNOW_OF_BOTH
            for line in text.splitlines()
            if other in line.lower()
        }
        assert traces == set()


@pytest.mark.parametrize(
    ("before", "after"), [("none", "github"), ("github", "gitlab"), ("gitlab", "none")]
)
def test_another_ci_can_be_chosen_later(
    deliver: Deliver, copy: Copy, before: str, after: str
) -> None:
    project = copy(deliver(before))
    update(project, VcsRef.CURRENT, {"ci": after})
    git(project.path, "add", "--all")
    assert contents(project) == contents(deliver(after))


def test_all_rights_are_reserved_unless_a_licence_is_chosen(default_project: Project) -> None:
    assert "LICENSE" not in default_project.files()
    project = tomllib.loads((default_project.path / "pyproject.toml").read_text())["project"]
    assert "license" not in project


@pytest.mark.parametrize(
    ("license", "words"),
    [
        ("MIT", 'Copyright (c) the Søn\'s "<Læden>" authors'),
        ("Apache-2.0", "Apache License"),
    ],
)
def test_a_licence_is_written_and_declared(
    template: Path, tmp_path: Path, license: str, words: str
) -> None:
    answers: dict[str, object] = {"license": license, "project_name": 'Søn\'s "<Læden>"'}
    project = render(template, tmp_path / "project", answers)
    text = (project.path / "LICENSE").read_text()
    assert words in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    declared = tomllib.loads((project.path / "pyproject.toml").read_text())["project"]
    assert declared["license"] == license
    assert declared["license-files"] == ["LICENSE"]
