"""`uv run template update` and `uv run resource` lose nothing, on any machine and at any moment.

Two small releases instead of Copier's renders: what is tested is git's part, with the settings that
people have, from what is refused to what is written. `test_commands.py` runs the commands.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dev.template import update as update_module
from dev.template.git import Repository, TemplateError
from dev.template.update import Change, Outcome, update
from dev.template.writing import UNDO, is_interrupted
from tests.harness.template import commit, git, write
from tests.harness.thorough import THOROUGH, usually

Files = Mapping[str, str | None]
"""The content of each file; None for one that is not there."""

ANSWERS = "_commit: {}\n_src_path: /template\nresources: {{}}\n"

OLD = {
    ".gitattributes": "* text=auto eol=lf\n",
    "app.py": "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n",
    "classes.py": "".join(
        f"class {name}:\n    # Your own fields\n    x: int | MISSING = MISSING\n\n"
        for name in "ABCDE"
    ),
    "moves.py": "".join(f"line {number}\n" for number in range(20)),
    "removed.py": "".join(f"removed {number}\n" for number in range(9)),
    "stays.py": "stays = 1\n",
    "folder/deep.py": "deep = 1\n",
}
NEW: Files = {
    **OLD,
    "app.py": "a = 10\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n",
    "classes.py": OLD["classes.py"].replace("class A:\n", "import x\n\n\nclass A:\n"),
    "moves.py": None,
    "new folder/moved.py": OLD["moves.py"].replace("line 3\n", "line three\n"),
    "removed.py": None,
    "folder/deep.py": "deep = 2\n",
    "added.py": "added = 1\n",
}


RELEASES: dict[str, Files] = {"old": OLD, "new": NEW}


def render(
    releases: Mapping[str, Files], source: str, release: str, answers: Path, target: Path, *_: Any
) -> None:
    """Write a release as Copier does."""
    write(target, {**releases[release], ".copier-answers.yml": ANSWERS.format(release)})


@dataclass
class Service:
    """A service that was made from the old release."""

    folder: Path

    def write(self, files: Files) -> None:
        """Change files as the user does, and commit them."""
        write(self.folder, files)
        commit(self.folder, "Work")

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def update(self, *, delete_edited: bool = False) -> Outcome:
        change = Change(release="new", delete_edited=delete_edited)
        return update(Repository(self.folder), change)

    def status(self) -> list[str]:
        command = ("status", "--porcelain", "--untracked-files=all", "--ignored", "--no-renames")
        return git(self.folder, "-c", "core.quotePath=false", *command).splitlines()

    def state(self) -> dict[str, bytes]:
        """All files of the folder, ignored ones too."""
        paths = (path for path in self.folder.rglob("*") if ".git" not in path.parts)
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in paths
            if path.is_file()
        }


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setattr(update_module, "render", partial(render, RELEASES))
    service = Service(tmp_path / "a service")
    render(RELEASES, "", "old", Path(), service.folder)
    git(service.folder, "init", "--quiet")
    commit(service.folder, "Start")
    return service


def configure(**settings: str) -> None:
    """Give the user these git settings; `__` stands for a dot."""
    for name, value in settings.items():
        file = os.environ["GIT_CONFIG_GLOBAL"]
        git(Path(), "config", "--file", file, name.replace("__", "."), value)


WORK: Files = {
    "app.py": "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\nmine = 7  \n",
    "classes.py": OLD["classes.py"].replace(
        "class C:\n    # Your own fields\n", "class C:\n    # Your own fields\n    mine: int\n"
    ),
    "moves.py": f"{OLD['moves.py']}mine\n",
    "own/file.py": "own = 1\n",
    "own/names with ümlauts\tand 'quotes'.txt": "own\r\nlines\r\n",
    "own/latin-1.txt": "caf\udce9\n",
    "stays.py": None,
}
"""What a user has done, of each kind."""


def check_merged(service: Service) -> None:
    """The user's work is there, and the release's changes are."""
    assert service.text("app.py") == ("a = 10\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\nmine = 7  \n")
    assert service.text("classes.py") == str(WORK["classes.py"]).replace(
        "class A:\n", "import x\n\n\nclass A:\n"
    )
    assert service.text("new folder/moved.py") == f"{NEW['new folder/moved.py']}mine\n"
    assert service.text("folder/deep.py") == "deep = 2\n"
    assert service.text("added.py") == "added = 1\n"
    for name in ("own/file.py", "own/latin-1.txt", "own/names with ümlauts\tand 'quotes'.txt"):
        actual = (service.folder / name).read_bytes().decode(errors="surrogateescape")
        assert actual.replace("\r\n", "\n") == str(WORK[name]).replace("\r\n", "\n")
    for gone in ("stays.py", "moves.py", "removed.py"):
        assert not (service.folder / gone).exists()


def test_the_work_of_user_and_release_is_merged_and_staged(service: Service) -> None:
    service.write(WORK)
    outcome = service.update()
    check_merged(service)
    assert (outcome.before, outcome.after, outcome.changed) == ("old", "new", True)
    assert outcome.merge.conflicts == []
    assert outcome.merge.moved_by_release == {"moves.py": "new folder/moved.py"}
    assert outcome.deleted == ["moves.py", "removed.py"]
    assert service.status() == [
        "M  .copier-answers.yml",
        "A  added.py",
        "M  app.py",
        "M  classes.py",
        "M  folder/deep.py",
        "D  moves.py",
        'A  "new folder/moved.py"',
        "D  removed.py",
    ]


SETTINGS = {
    "hides tracked files": {"core__excludesFile": "@ignore"},
    "refuses spaces": {"apply__whitespace": "error"},
    "removes spaces": {"apply__whitespace": "fix"},
    "shows no new files": {"status__showUntrackedFiles": "no"},
    "writes CRLF": {"core__autocrlf": "true"},
    "reads CRLF": {"core__autocrlf": "input"},
    "refuses CRLF": {"core__autocrlf": "true", "core__safecrlf": "true"},
    "ignores spaces": {"apply__ignoreWhitespace": "change"},
    "no prefixes": {"diff__noprefix": "true"},
    "other prefixes": {"diff__mnemonicPrefix": "true"},
    "another diff": {"diff__external": "false"},
    "no renames": {"diff__renames": "false", "merge__renames": "false"},
    "no renames of folders": {"merge__directoryRenames": "false"},
    "other conflicts": {"merge__conflictStyle": "zdiff3"},
    "signed commits": {"commit__gpgSign": "true", "gpg__program": "false"},
    "hooks": {"core__hooksPath": "@hooks"},
    "hooks in each repository": {"init__templateDir": "@template"},
    "attributes": {"core__attributesFile": "@attributes", "filter__broken__clean": "false"},
    "color": {"color__ui": "always"},
    "a pager": {"core__pager": "false"},
    "no name": {"user__useConfigOnly": "true"},
    "short status": {"status__short": "true", "status__branch": "true"},
    "a monitor": {"core__fsmonitor": "false"},
    "another branch": {"init__defaultBranch": "trunk"},
    "quoted paths": {"core__quotePath": "true"},
    "no modes": {"core__fileMode": "false"},
    "required filter": {"filter__broken__required": "true", "filter__broken__smudge": "false"},
    "no gc": {"gc__auto": "1"},
    "fsck": {"transfer__fsckObjects": "true", "fetch__prune": "true"},
}


@pytest.mark.parametrize("name", usually(SETTINGS, 9))
def test_no_setting_of_the_user_changes_that(service: Service, tmp_path: Path, name: str) -> None:
    write(
        tmp_path,
        {
            "ignore": "*.py\nadded*\nnew folder\n*.txt\n",
            "attributes": "*.py filter=broken merge=ours\n",
            "template/hooks/post-checkout": "#!/bin/sh\nexit 1\n",
            "hooks/pre-commit": "#!/bin/sh\nexit 1\n",
            "hooks/post-checkout": "#!/bin/sh\nexit 1\n",
        },
    )
    for hook in tmp_path.glob("**/hooks/*"):
        hook.chmod(0o755)
    service.write(WORK)
    configure(
        **{
            key: value.replace("@", f"{tmp_path}/")
            for key, value in SETTINGS[name].items()
            if not key.startswith("filter")
        }
    )
    service.update()
    if "autocrlf" in str(SETTINGS[name]):
        for path in service.folder.rglob("*.py"):
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))
    check_merged(service)


def test_a_conflict_has_both_sides_and_git_knows_it(service: Service) -> None:
    service.write({"app.py": "a = 11\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n"})
    outcome = service.update()
    assert outcome.merge.conflicts == ["app.py"]
    assert service.text("app.py").startswith(
        "<<<<<<< before updating\na = 11\n=======\na = 10\n>>>>>>> after updating\nb = 2\n"
    )
    assert "UU app.py" in service.status()
    for stage, start in ((1, "a = 1\n"), (2, "a = 11\n"), (3, "a = 10\n")):
        assert git(service.folder, "show", f":{stage}:app.py").startswith(start)


def test_a_file_that_both_added_is_a_conflict(service: Service) -> None:
    service.write({"added.py": "mine = 1\n"})
    assert service.update().merge.conflicts == ["added.py"]
    assert "AA added.py" in service.status()
    assert "mine = 1\n" in service.text("added.py")


def test_an_edited_file_that_the_release_removes_is_a_conflict(service: Service) -> None:
    edited = f"{OLD['removed.py']}mine\n"
    service.write({"removed.py": edited})
    outcome = service.update()
    assert outcome.merge.deleted_by_template == outcome.merge.conflicts == ["removed.py"]
    assert "UD removed.py" in service.status()
    assert service.text("removed.py") == edited


def test_it_is_deleted_and_named_if_the_user_has_said_so(service: Service) -> None:
    service.write({"removed.py": f"{OLD['removed.py']}mine\n"})
    outcome = service.update(delete_edited=True)
    assert outcome.merge.deleted_edits == ["removed.py"]
    assert outcome.merge.conflicts == []
    assert not (service.folder / "removed.py").exists()


def test_a_deleted_file_stays_deleted_and_is_named_if_the_release_changes_it(
    service: Service,
) -> None:
    service.write({"app.py": None, "stays.py": None})
    outcome = service.update()
    assert outcome.merge.stays_deleted == ["app.py"]
    assert outcome.merge.conflicts == []
    assert not (service.folder / "app.py").exists()


def test_a_file_that_the_user_moved_gets_the_changes(service: Service) -> None:
    (service.folder / "own").mkdir()
    git(service.folder, "mv", "app.py", "own/application.py")
    commit(service.folder, "Move")
    outcome = service.update()
    assert outcome.merge.changed_where_moved == ["own/application.py"]
    assert service.text("own/application.py").startswith("a = 10\n")
    assert not (service.folder / "app.py").exists()


def test_a_service_in_a_folder_of_a_repository_is_updated_alone(
    service: Service, tmp_path: Path
) -> None:
    root = tmp_path / "monorepo"
    write(root, {"app.py": "another app\n", "added.py": "another\n"})
    shutil.move(service.folder, root / "services" / "one")
    shutil.rmtree(root / "services" / "one" / ".git")
    git(root, "init", "--quiet")
    service.folder = root / "services" / "one"
    commit(root, "Start")
    service.write({**WORK, "folder/deep.py": "deep = 7\n"})
    write(root, {"notes.txt": "not committed\n"})
    outcome = service.update()
    assert outcome.merge.conflicts == ["folder/deep.py"]
    assert "UU services/one/folder/deep.py" in service.status()
    write(service.folder, {"folder/deep.py": "deep = 2\n"})
    check_merged(service)
    assert (root / "app.py").read_text() == "another app\n"


def test_modes_and_links_stay(service: Service) -> None:
    (service.folder / "app.py").chmod(0o755)
    (service.folder / "link").symlink_to("app.py")
    commit(service.folder, "Work")
    service.update()
    assert os.access(service.folder / "app.py", os.X_OK)
    assert (service.folder / "link").readlink() == Path("app.py")


def test_gitattributes_run_no_program_and_choose_no_side(service: Service) -> None:
    service.write(
        {**WORK, ".gitattributes": "*.py merge=union diff=python\nclasses.py filter=broken\n"}
    )
    git(service.folder, "config", "filter.broken.smudge", "exit 1; false")
    service.update()
    check_merged(service)


def test_one_command_takes_it_back(service: Service) -> None:
    service.write({**WORK, ".gitignore": "*.log\n"})
    write(service.folder, {"ignored.log": "mine\n"})
    before = service.state()
    service.update()
    subprocess.run(UNDO, shell=True, cwd=service.folder, check=True)
    assert service.state() == before
    assert service.status() == ["!! ignored.log"]


# What an update refuses, and nothing is changed.


def refused(service: Service) -> str:
    before, status = service.state(), service.status()
    with pytest.raises(TemplateError) as raised:
        service.update()
    assert service.state() == before
    assert service.status() == status
    return str(raised.value)


def test_uncommitted_changes_are_refused_even_if_git_is_told_not_to_show_them(
    service: Service,
) -> None:
    configure(status__showUntrackedFiles="no")
    write(service.folder, {"own.py": "mine\n"})
    assert "There are uncommitted changes" in refused(service)


@pytest.mark.parametrize("operation", ["merge", "rebase", "cherry-pick", "revert"])
def test_an_operation_that_is_under_way_is_refused(service: Service, operation: str) -> None:
    git(service.folder, "switch", "--quiet", "--create", "other")
    service.write({"app.py": "theirs\n"})
    git(service.folder, "switch", "--quiet", "-")
    service.write({"app.py": "ours\n"})
    target = {"revert": "HEAD~1"}.get(operation, "other")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run(("git", *identity, operation, target), cwd=service.folder, check=False)
    git(service.folder, "checkout", "--quiet", "HEAD", "--", ".")
    assert f"A {operation} is under way." in refused(service)


@pytest.mark.parametrize("ignored", [False, True])
def test_files_in_the_way_are_refused(service: Service, ignored: bool) -> None:
    if ignored:
        service.write({".gitignore": "added*\n"})
    else:
        git(service.folder, "config", "status.showUntrackedFiles", "no")
        configure(core__excludesFile=str(service.folder / ".git" / "mine"))
        write(service.folder / ".git", {"mine": "added*\n"})
    write(service.folder, {"added.py": "mine\n"})
    assert refused(service).endswith("move them away first:\n  added.py")


def test_edits_that_git_was_told_to_overlook_are_refused(service: Service) -> None:
    git(service.folder, "update-index", "--assume-unchanged", "app.py")
    write(service.folder, {"app.py": "mine\n"})
    assert "app.py" in refused(service)


def test_a_sparse_checkout_is_refused(service: Service) -> None:
    git(service.folder, "sparse-checkout", "set", "--cone")
    assert not (service.folder / "folder").exists()
    assert refused(service).startswith("folder/deep.py is not checked out")


def test_a_partial_clone_is_updated(service: Service, tmp_path: Path) -> None:
    service.write(WORK)
    git(service.folder, "config", "uploadpack.allowFilter", "true")
    clone = Service(tmp_path / "clone")
    address = f"file://{service.folder}"
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", address, str(clone.folder))
    clone.update()
    check_merged(clone)


def test_a_folder_that_is_a_link_is_refused(service: Service, tmp_path: Path) -> None:
    shutil.move(service.folder / "folder", tmp_path / "elsewhere")
    (service.folder / "folder").symlink_to(tmp_path / "elsewhere")
    commit(service.folder, "A link")
    assert refused(service).startswith(f"folder is a link to {tmp_path / 'elsewhere'}")


def test_a_repository_whose_last_commit_lacks_the_service_is_refused(service: Service) -> None:
    shutil.rmtree(service.folder / ".git")
    git(service.folder.parent, "init", "--quiet")
    assert refused(service).startswith(f"The last commit does not have {service.folder}")
    write(service.folder.parent, {".gitignore": f"{service.folder.name}/\n"})
    git(service.folder.parent, "add", ".gitignore")
    commit(service.folder.parent, "Ignore the service")
    assert refused(service).startswith(f"The last commit does not have {service.folder}")


def test_another_process_that_writes_the_index_is_named(service: Service) -> None:
    write(service.folder / ".git", {"index.lock": ""})
    assert "Another git process seems to be running" in refused(service)


@pytest.mark.parametrize("committed", [False, True])
def test_what_another_command_has_written_meanwhile_is_not_overwritten(
    service: Service, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    def render_while_others_work(*arguments: Any) -> None:
        render(RELEASES, *arguments)
        write(service.folder, {"own.py": "mine\n"})
        if committed and arguments[1] == "new":
            commit(service.folder, "Work of another command")

    monkeypatch.setattr(update_module, "render", render_while_others_work)
    with pytest.raises(TemplateError) as raised:
        service.update()
    said = "A commit was made while" if committed else "There are uncommitted changes"
    assert str(raised.value).startswith(said)
    assert service.text("app.py") == OLD["app.py"]
    assert service.text("own.py") == "mine\n"


def test_answers_with_two_releases_are_refused(service: Service) -> None:
    service.write({".copier-answers.yml": ANSWERS.format("old") + "_commit: new\n"})
    assert "must have one line `_commit: ...`, and has 2" in refused(service)


def test_answers_with_conflict_markers_are_refused(service: Service) -> None:
    service.write({".copier-answers.yml": "<<<<<<< ours\n_commit: old\n=======\n>>>>>>> theirs\n"})
    assert "has conflict markers" in refused(service)


def test_an_update_that_would_lose_a_line_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.write(WORK)
    run = Repository.git

    def merge_badly(repository: Repository, *arguments: str, **options: Any) -> str:
        printed = run(repository, *arguments, **options)
        if arguments[0] == "merge-recursive":
            write(repository.folder, {"app.py": NEW["app.py"]})
        return printed

    monkeypatch.setattr(Repository, "git", merge_badly)
    said = refused(service)
    assert said.startswith("Nothing was changed, because the update would have lost lines that are")
    assert said.endswith(":\n  app.py: mine = 7")


# What an interrupted update leaves.


def count_calls(service: Service) -> int:
    """Update; return how often git was called."""
    calls = 0
    run = Repository.git

    def count(repository: Repository, *arguments: str, **options: Any) -> str:
        nonlocal calls
        calls += 1
        return run(repository, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Repository, "git", count)
        service.update()
    return calls


@pytest.mark.parametrize("failing", ["checkout-index", "unlink"])
def test_a_file_that_cannot_be_written_makes_the_next_update_say_so(
    service: Service, failing: str
) -> None:
    run, unlink = Repository.git, Path.unlink

    def fail(repository: Repository, *arguments: str, **options: Any) -> str:
        if arguments[0] == failing:
            raise TemplateError("The disk is full.")
        return run(repository, *arguments, **options)

    def fail_to_unlink(path: Path, **options: Any) -> None:
        if path.is_relative_to(service.folder):
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Repository, "git", fail)
        if failing == "unlink":
            patch.setattr(Path, "unlink", fail_to_unlink)
        with pytest.raises(TemplateError) as raised:
            service.update()
    assert str(raised.value).startswith("Some files could not be written; do not commit")
    assert str(raised.value).endswith(UNDO)
    with pytest.raises(TemplateError, match="was interrupted while it was writing files"):
        service.update()
    subprocess.run(UNDO, shell=True, cwd=service.folder, check=True)
    assert service.status() == []


def update_and_be_killed(service: Service, call: int) -> None:
    """Update in a process that is killed after a call of git."""
    child = os.fork()
    if child == 0:
        run = Repository.git

        def run_and_die(repository: Repository, *arguments: str, **options: Any) -> str:
            nonlocal call
            call -= 1
            printed = run(repository, *arguments, **options)
            if call == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return printed

        setattr(Repository, "git", run_and_die)  # noqa: B010
        service.update()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


# The threads of pytest-xdist have nothing to do with what the child runs.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_update_that_was_killed_at_any_moment_can_be_taken_back(service: Service) -> None:
    service.write({**WORK, ".gitignore": "*.log\n", "folder/deep.py": "deep = 7\n"})
    write(service.folder, {"ignored.log": "mine\n"})
    before, status = service.state(), service.status()
    half_done = 0
    calls = count_calls(service)
    subprocess.run(UNDO, shell=True, cwd=service.folder, check=True)
    for call in range(1 if THOROUGH else calls - 9, calls + 1):
        update_and_be_killed(service, call)
        if is_interrupted(Repository(service.folder)):
            half_done += service.status() != status
            with pytest.raises(TemplateError, match="was interrupted while it was writing files"):
                service.update()
        subprocess.run(UNDO, shell=True, cwd=service.folder, check=True)
        assert service.state() == before
        assert service.status() == status
    assert half_done >= 3
    service.update()
