"""One update: what it needs, its steps, and what it found."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dev.template import writing
from dev.template.answers import ANSWERS_FILE, is_newer, read_release, read_source
from dev.template.git import Repository, TemplateError
from dev.template.losses import find_losses
from dev.template.merging import Merge, Scratch, committed_tree, parents
from dev.template.renaming import Renamer, Renaming
from dev.template.rendering import of_the_service, render

UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}
"""What git keeps in its folder while it waits for the user, and for what."""

CURRENT = ":current:"
"""The release that the service has."""


@dataclass(frozen=True)
class Change:
    """What an update is to change."""

    answers: Mapping[str, object] = field(default_factory=dict)
    """Answers to the template's questions."""

    release: str | None = CURRENT
    """The release to update to; the newest one if it is None."""

    renaming: tuple[str, str] | None = None
    """The name of a resource, and the one that it gets."""

    delete_edited: bool = False
    """Whether files go that the release no longer has and that the user has edited; else they are
    conflicts."""

    refuse_edited: bool = False
    """Whether such files make the update fail before it changes anything."""

    complete: bool = True
    """False if the caller writes more files, in a block of `completing`."""


class EditedFilesError(TemplateError):
    """An update would delete files that the user has edited."""

    def __init__(self, files: list[str]) -> None:
        super().__init__(f"The update would delete files that you have edited: {', '.join(files)}")
        self.files = files


@dataclass(frozen=True)
class Outcome:
    """What an update did; nothing of it is committed."""

    before: str
    """The release that the service had."""

    after: str
    """The release that it has now."""

    changed: bool
    deleted: list[str]

    renaming: Renaming | None
    """The names and plurals of a renamed resource."""

    not_renamed: list[str]
    """Lines of the user's that still have the old name of a resource."""

    merge: Merge


def update(project: Repository, change: Change) -> Outcome:
    """Update a service, which must have no uncommitted changes.

    Raises TemplateError if nothing was changed; the message says why, and what to do.
    """
    check_ready(project)
    source, before = read_source(project.folder), read_release(project.folder)
    release = before if change.release == CURRENT else change.release
    with TemporaryDirectory(prefix="template-") as folder:
        scratch = Scratch(Path(folder) / "merged", project)
        answers = project.folder / ANSWERS_FILE
        renders = Path(folder) / "old", Path(folder) / "new"
        with ThreadPoolExecutor() as both:  # each is a process, and takes a second or two
            tasks = (
                both.submit(render, source, before, answers, renders[0]),
                both.submit(render, source, release, answers, renders[1], change.answers),
            )
        with of_the_service():
            tasks[0].result()
        tasks[1].result()
        _check_not_older(before, read_release(renders[1]))
        old, new = map(scratch.commit, renders)
        if change.renaming is None:
            merge = scratch.merge(old, new, delete_edited=change.delete_edited)
            renaming, not_renamed = None, []
        else:
            renamer = Renamer(scratch, *change.renaming, old, new)
            renaming = renamer.renaming
            merge = scratch.merge(*renamer.renamed())
            not_renamed = renamer.leftovers(merge)
        if change.refuse_edited and merge.deleted_by_template:
            raise EditedFilesError(merge.deleted_by_template)
        _check_folders_are_no_links(project, scratch.repository, merge)
        _check_nothing_is_lost(scratch.repository, merge)
        _check_still_ready(project, scratch)
        writing.write(project, merge, scratch.repository.folder, complete=change.complete)
    deleted = project.paths(
        "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=D",
        merge.before, merge.commit,
    )  # fmt: skip
    changed = project.git("diff-tree", "--name-only", merge.before, merge.commit) != ""
    after = read_release(project.folder)
    return Outcome(before, after, changed, deleted, renaming, not_renamed, merge)


def check_repository(project: Repository) -> None:
    """Raises TemplateError unless the service is committed, and no update was interrupted."""
    try:
        project.git("rev-parse", "--show-toplevel")
    except TemplateError as error:
        raise TemplateError(
            f"{project.folder} is not a git repository; it is needed to merge changes. Create one: "
            f"git init && git add . && git commit -m Start\n{error}"
        ) from None
    writing.check_not_interrupted(project)
    try:
        committed_tree(project)
    except TemplateError:
        raise TemplateError(
            f"The last commit does not have {project.folder}; it is needed to merge changes. "
            "Commit the service first: git add . && git commit -m Start"
        ) from None


def check_ready(project: Repository) -> None:
    """Raises TemplateError unless an update can begin, and be told from other changes."""
    check_repository(project)
    for name, operation in UNDER_WAY.items():
        path = project.git("rev-parse", "--git-path", name).rstrip("\n")
        if (project.folder / path).exists():
            raise TemplateError(
                f"A {operation} is under way. Finish it first; `git status` says how."
            )
    files = project.paths("ls-files", "-t", "-z", "--", ".")
    skipped = [file.removeprefix("S ") for file in files if file.startswith("S ")]
    if skipped:
        raise TemplateError(
            f"{skipped[0]} is not checked out, and an update may have to write it. Check out all "
            "files of the service first: git sparse-checkout disable"
        )
    changes = project.git(
        "-c", "core.quotePath=false", "status", "--porcelain", "--untracked-files=normal", "--", "."
    )  # fmt: skip
    if changes:
        raise TemplateError(
            "There are uncommitted changes, which would get mixed with those of the command. "
            f"Commit them first: git add . && git commit\n{changes.rstrip()}"
        )


def _check_still_ready(project: Repository, scratch: Scratch) -> None:
    """Another command, or the user, may have written since the update began."""
    check_ready(project)
    if committed_tree(project) != scratch.before:
        raise TemplateError(
            "A commit was made while the command ran; nothing was changed. Run it again."
        )


def _check_not_older(before: str, after: str) -> None:
    if not is_newer(before, after):
        return
    text = f"The service has {before}, which is newer than {after}; an update does not go back."
    if "-g" in before:
        text += (
            " It was rendered from a commit of the template after its last release. Wait for the "
            "next release, or take the newest commit: uv run template update --to HEAD"
        )
    raise TemplateError(text)


def _check_folders_are_no_links(project: Repository, repository: Repository, merge: Merge) -> None:
    changed = repository.paths("diff-tree", "-r", "-z", "--name-only", merge.old, merge.new)
    folders = {folder for path in changed for folder in parents(path)}
    links = sorted(folder for folder in folders if (project.folder / folder).is_symlink())
    if links:
        raise TemplateError(
            f"{links[0]} is a link to {(project.folder / links[0]).readlink()}, and the update "
            "changes files in it. Replace it with a folder, and commit that, before you update."
        )


def _check_nothing_is_lost(repository: Repository, merge: Merge) -> None:
    losses = find_losses(repository, merge)
    if losses:
        lines = [f"  {path}: {line.strip()}" for path, lines in losses.items() for line in lines]
        raise TemplateError(
            "Nothing was changed, because the update would have lost lines that are yours:\n"
            + "\n".join(lines)
        )
