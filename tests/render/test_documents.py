"""A service leads to the documents of exactly the release that it has."""

import re
import sys
from pathlib import Path

import pytest

from tests.grammar import macros
from tests.harness.project import Project, environment, run
from tests.harness.template import NEXT_RELEASE, ROOT, commit, git

OWNERS = "https://github.com/OWNER/copier-fastapi"


def url(source: str, release: str | None = "1.2.0") -> str:
    """The address of the documents, given what the answers file remembers."""
    template = macros.environment.from_string(
        "{% from 'includes/documents.jinja' import documents_url %}"
        "{{ documents_url(source, release or '') }}"
    )
    return template.render(source=source, release=release)


def published(template: Path) -> dict[str, str]:
    """What lets git read this template instead of the one at its owners' address."""
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{template}.insteadOf",
        "GIT_CONFIG_VALUE_0": OWNERS,
        "GIT_CONFIG_KEY_1": f"url.{template}.insteadOf",
        "GIT_CONFIG_VALUE_1": f"{OWNERS}.git",  # as Copier writes it
    }


def test_of_a_template_with_an_address_they_are_links(template: Path, tmp_path: Path) -> None:
    options = ("--quiet", "--defaults", f"--vcs-ref={NEXT_RELEASE}")
    run(
        *(sys.executable, "-m", "copier", "copy", *options, "gh:OWNER/copier-fastapi", "service"),
        cwd=tmp_path,
        variables=environment(**published(template)),
    )
    text = (tmp_path / "service" / "README.md").read_text()
    links = re.findall(rf"\({OWNERS}/blob/(.+?)/(docs/.+?)\)", text)
    assert len(links) >= 5
    assert {release for release, _ in links} == {NEXT_RELEASE}
    assert [path for _, path in links if not (ROOT / path).is_file()] == []


def test_of_a_template_without_an_address_they_are_names(default_project: Project) -> None:
    text = (default_project.path / "README.md").read_text()
    names = re.findall(r"^- .+: `([\w/]+)`$", text, re.MULTILINE)
    assert len(names) >= 5
    assert [name for name in names if not (ROOT / "docs" / f"{name}.md").is_file()] == []


def test_a_command_prints_them(default_project: Project) -> None:
    index = default_project.run("template", "docs")
    assert index == (ROOT / "docs" / "README.md").read_text()
    page = default_project.run("template", "docs", "recipes/uploads")
    assert page == (ROOT / "docs" / "recipes" / "uploads.md").read_text()


def test_a_command_prints_those_at_an_address(own_project: Project, template: Path) -> None:
    answers = own_project.path / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(str(template), "gh:OWNER/copier-fastapi"))
    index = own_project.run("template", "docs", code=0, **published(template))
    assert index == (ROOT / "docs" / "README.md").read_text()


def test_a_command_prints_those_of_the_release_that_the_service_has(
    own_project: Project, template: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    git(tmp_path, "clone", "--quiet", str(template), str(newer))
    (newer / "docs" / "errors.md").write_text("# Newer errors\n")
    commit(newer, "Write")
    answers = own_project.path / ".copier-answers.yml"
    text = answers.read_text().replace(str(template), str(newer))
    answers.write_text(text)
    assert own_project.run("template", "docs", "errors").startswith("# Errors\n")
    head = git(newer, "describe", "--tags").strip()  # as Copier remembers it between releases
    answers.write_text(text.replace(f"_commit: {NEXT_RELEASE}", f"_commit: {head}"))
    assert own_project.run("template", "docs", "errors") == "# Newer errors\n"


def test_the_names_of_all_are_said_if_one_is_wrong(default_project: Project) -> None:
    said = default_project.run("template", "docs", "mistakes", code=1)
    assert said.startswith("There is no document 'mistakes'; the documents are: README, adopt, ")


@pytest.mark.parametrize(
    "source",
    [
        "gh:OWNER/copier-fastapi",
        "https://github.com/OWNER/copier-fastapi",
        "https://github.com/OWNER/copier-fastapi.git",
        "https://user:secret@github.com/OWNER/copier-fastapi.git",
        "git+https://github.com/OWNER/copier-fastapi.git",
        "git@github.com:OWNER/copier-fastapi.git",
        "ssh://git@github.com:22/OWNER/copier-fastapi/",
    ],
)
def test_each_way_to_write_an_address_leads_to_the_same_documents(source: str) -> None:
    assert url(source) == f"{OWNERS}/blob/1.2.0/docs"


def test_gitlab_has_them_elsewhere() -> None:
    assert url("gl:group/team/template") == (
        "https://gitlab.com/group/team/template/-/blob/1.2.0/docs"
    )
    assert url("https://gitlab.example.com/a/b.git") == (
        "https://gitlab.example.com/a/b/-/blob/1.2.0/docs"
    )


def test_between_releases_they_are_of_the_commit() -> None:
    assert url("gh:OWNER/copier-fastapi", "0.3.0-5-g1a2b3c4") == f"{OWNERS}/blob/1a2b3c4/docs"


@pytest.mark.parametrize(
    ("source", "release"),
    [
        ("/home/me/github.com/copier-fastapi", "1.2.0"),
        ("../github/copier-fastapi", "1.2.0"),
        ("https://git.example.com/copier-fastapi.git", "1.2.0"),
        ("gh:OWNER/copier-fastapi", None),
    ],
)
def test_what_is_not_known_to_be_there_is_no_link(source: str, release: str | None) -> None:
    assert url(source, release) == ""
