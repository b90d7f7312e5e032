"""A service links to the documents of exactly the release that has rendered it."""

import re
import sys
from pathlib import Path

import pytest

from tests.grammar import macros
from tests.harness.project import Project, environment, run
from tests.harness.template import NEXT_RELEASE, ROOT, git

FILES = ("README.md", "AGENTS.md")
OWNERS = "https://github.com/OWNER/copier-fastapi"


def url(source: str, release: str | None = "1.2.0") -> str:
    """The address of the documents, given what the answers file remembers."""
    template = macros.environment.from_string(
        "{% from 'includes/documents.jinja' import documents_url %}"
        "{{ documents_url(source, release or '') }}"
    )
    return template.render(source=source, release=release)


def test_of_a_template_with_an_address_they_are_links(template: Path, tmp_path: Path) -> None:
    # Git reads the template of this test instead of the one at the address.
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{template}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"{OWNERS}.git",
    }
    options = ("--quiet", "--defaults", f"--vcs-ref={NEXT_RELEASE}")
    run(
        *(sys.executable, "-m", "copier", "copy", *options, "gh:OWNER/copier-fastapi", "service"),
        cwd=tmp_path,
        variables=environment(**instead),
    )
    for file in FILES:
        links = re.findall(
            rf"\({OWNERS}/blob/(.+?)/(docs/.+?)\)", (tmp_path / "service" / file).read_text()
        )
        assert len(links) >= 5
        assert {release for release, _ in links} == {NEXT_RELEASE}
        assert [path for _, path in links if not (ROOT / path).is_file()] == []


def test_of_a_template_without_an_address_git_shows_them(default_project: Project) -> None:
    for file in FILES:
        text = (default_project.path / file).read_text()
        command = re.search(r'^    git -C "(.+?)" show (.+)$', text, re.MULTILINE)
        assert command is not None
        assert git(Path(command[1]), "show", command[2]) == (ROOT / "docs/README.md").read_text()
        paths = re.findall(r"`(docs/.+?)`", text)
        assert len(paths) >= 5
        assert [path for path in paths if not (ROOT / path).is_file()] == []


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
