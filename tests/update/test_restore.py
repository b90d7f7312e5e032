"""`uv run template restore` writes files as the release renders them, and loses nothing.

A small release instead of Copier's render; `test_commands.py` runs the command.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from dev.template import restore as restore_module
from dev.template.git import Repository, TemplateError
from dev.template.restore import restore
from tests.harness.template import commit, git, write

ANSWERS = "_commit: 1.0.0\n_src_path: /template\n"
RENDERED = {"app/main.py": "main = 1\n", "app/health.py": "health = 1\n"}


def render(source: str, release: str, answers: Path, target: Path) -> None:
    write(target, RENDERED)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(restore_module, "render", render)
    folder = tmp_path / "repository" / "service"
    write(folder, {".copier-answers.yml": ANSWERS, **RENDERED, "app/main.py": "mine\n"})
    git(folder.parent, "init", "--quiet")
    commit(folder.parent, "Start")
    return folder


def refused(service: Path, *files: str) -> str:
    before = contents(service.parent)
    with pytest.raises(TemplateError) as raised:
        restore(Repository(service), [*files])
    assert contents(service.parent) == before
    return str(raised.value)


def contents(folder: Path) -> dict[Path, Any]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("file", ["app/main.py", "./app/../app/main.py", "{}/app/main.py"])
def test_a_file_is_restored_however_its_path_is_written(service: Path, file: str) -> None:
    restore(Repository(service), [file.format(service)])
    assert (service / "app" / "main.py").read_text() == "main = 1\n"


def test_files_that_were_deleted_come_back(service: Path) -> None:
    shutil.rmtree(service / "app")
    restore(Repository(service), [*RENDERED])
    assert {name: (service / name).read_text() for name in RENDERED} == RENDERED


@pytest.mark.parametrize("file", ["own.py", "app", "../service", "../../elsewhere.py"])
def test_what_the_template_does_not_render_is_refused(service: Path, file: str) -> None:
    assert refused(service, "app/main.py", file).startswith("The template does not render ")


def test_an_edit_is_refused(service: Path) -> None:
    write(service, {"app/main.py": "mine = 2\n"})
    said = refused(service, *RENDERED)
    assert said.endswith("Commit them first:\n  app/main.py")


def test_an_edit_that_git_was_told_to_overlook_is_refused(service: Path) -> None:
    git(service, "update-index", "--assume-unchanged", "app/main.py")
    write(service, {"app/main.py": "mine = 2\n"})
    assert refused(service, "app/main.py").startswith("These files have changes that are not in")


@pytest.mark.parametrize("ignored", [False, True])
def test_a_file_that_git_does_not_have_is_refused(service: Path, ignored: bool) -> None:
    git(service, "rm", "--quiet", "--cached", "app/main.py")
    write(service, {".gitignore": "main.py\n" if ignored else ""})
    git(service, "add", ".gitignore")
    git(service, "config", "status.showUntrackedFiles", "no")
    git(service, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "Untrack")
    assert refused(service, "app/main.py").startswith("These files have changes that are not in")


@pytest.mark.parametrize("link", ["app", "app/main.py"])
def test_what_a_link_leads_to_is_not_written(service: Path, tmp_path: Path, link: str) -> None:
    shutil.move(service / link, tmp_path / "elsewhere")
    (service / link).symlink_to(tmp_path / "elsewhere")
    commit(service, "A link")
    assert refused(service, "app/main.py").startswith(f"{link} is a link or a folder")


def test_a_folder_in_the_place_of_a_file_is_refused(service: Path) -> None:
    (service / "app" / "main.py").unlink()
    write(service, {"app/main.py/own.py": "mine\n"})
    commit(service, "A package")
    assert refused(service, "app/main.py").startswith("app/main.py is a link or a folder")


def test_a_file_that_cannot_be_written_is_named(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(shutil, "copy", copy)
    assert refused(service, "app/main.py").startswith("app/main.py could not be written: ")


def test_outside_of_a_repository_it_says_how_to_create_one(service: Path) -> None:
    shutil.rmtree(service.parent / ".git")
    assert "is not a git repository; it is needed" in refused(service, "app/main.py")
