"""The releases that updates are tested from, and what a commit needs to become one."""

import re
from pathlib import Path

import pytest
from packaging.version import InvalidVersion, Version

from tests.harness.template import RELEASES, ROOT, commit, git
from tools.release_notes import check_commit, notes
from tools.releases import HistoryError, Release, releases, version_at


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a commit that is not a release."""
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "--quiet")
    set_version(path, "0")
    return path


def set_version(repository: Path, version: str) -> str:
    """Commit a version; returns the commit."""
    project = f'[project]\nname = "template"\nversion = "{version}"  # or "0"\n'
    (repository / "pyproject.toml").write_text(project)
    return commit_anything(repository)


def commit_anything(repository: Path) -> str:
    commit(repository, "Change")
    return git(repository, "rev-parse", "HEAD").strip()


def test_the_history_here_is_not_cut_off_and_ends_in_the_version_here() -> None:
    found = releases(ROOT)
    assert found[-1].version == version_at(ROOT, "HEAD")
    assert {release.version: release.commit for release in found} == RELEASES


def test_the_changelog_has_every_release_and_the_newest_first() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert all(notes(version, changelog) for version in RELEASES)
    headings = re.findall(r"^## (\S+)", changelog, re.MULTILINE)
    assert [heading for heading in headings if heading in RELEASES] == list(RELEASES)[::-1]


def test_tags_here_are_those_of_releases() -> None:
    versions = [tag for tag in git(ROOT, "tag").split() if is_version(tag)]
    tags = {tag: git(ROOT, "rev-list", "-1", tag).strip() for tag in versions}
    assert tags == {tag: RELEASES.get(tag) for tag in versions}


def is_version(tag: str) -> bool:
    try:
        Version(tag)
    except InvalidVersion:
        return False
    return True


def test_a_release_is_the_commit_that_changes_the_version(repository: Path) -> None:
    first = set_version(repository, "0.1.0")
    commit_anything(repository)
    git(repository, "switch", "--quiet", "--create", "branch")
    second = set_version(repository, "0.2.0rc1")
    git(repository, "switch", "--quiet", "-")
    commit_anything(repository)
    git(repository, "merge", "--quiet", "--no-edit", "branch")
    assert releases(repository) == [Release("0.1.0", first), Release("0.2.0rc1", second)]


def test_a_history_that_is_cut_off_is_refused(repository: Path, tmp_path: Path) -> None:
    set_version(repository, "0.1.0")
    commit_anything(repository)
    url = repository.as_uri()  # git ignores --depth for a path
    git(tmp_path, "clone", "--quiet", "--depth=1", url, "short")
    git(tmp_path, "clone", "--quiet", "--depth=3", url, "long")
    with pytest.raises(HistoryError, match=r"is cut off at 0\.1\.0.* git fetch --unshallow"):
        releases(tmp_path / "short")
    assert releases(tmp_path / "long") == releases(repository)


def test_a_version_that_is_not_newer_is_no_release(repository: Path) -> None:
    set_version(repository, "0.2.0")
    set_version(repository, "0.1.0")
    with pytest.raises(HistoryError, match=r"releases 0\.1\.0 after 0\.2\.0"):
        releases(repository)


def test_the_commit_that_changes_the_version_can_be_released(repository: Path) -> None:
    set_version(repository, "0.1.0")
    check_commit("0.1.0", repository)


def test_a_tag_that_is_not_the_version_is_refused(repository: Path) -> None:
    set_version(repository, "0.1.0")
    with pytest.raises(ValueError, match=r"0\.2\.0 is not the version in pyproject\.toml"):
        check_commit("0.2.0", repository)


def test_a_tag_of_a_later_commit_is_refused_with_the_right_command(repository: Path) -> None:
    release = set_version(repository, "0.1.0")
    commit_anything(repository)
    with pytest.raises(ValueError, match=rf"git tag 0\.1\.0 {release}"):
        check_commit("0.1.0", repository)
