"""The result of an update in the service's folder, written so that it can be taken back.

The index has the result first, then the files. So at any moment `UNDO` finds in the index all that
was written: it deletes the files that are new, and no others.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.template.git import Repository, TemplateError
from dev.template.merging import Merge

UNDO = "git restore --source=HEAD --staged --worktree ."


def check_not_interrupted(project: Repository) -> None:
    """Raises TemplateError if an update was interrupted while it was writing, and still is."""
    marker = _marker(project)
    if not marker.exists():
        return
    if project.git("status", "--porcelain", "--untracked-files=no", "--", "."):
        raise TemplateError(
            "An update was interrupted while it was writing files. Do not commit what it wrote; "
            f"take it back: {UNDO}"
        )
    marker.unlink()


def is_interrupted(project: Repository) -> bool:
    """Whether an update has begun to write, and has not ended."""
    return _marker(project).exists()


@contextmanager
def completing(project: Repository) -> Iterator[None]:
    """The rest of a command that has called `write` with `complete=False`. If the block is
    interrupted, the next command says so."""
    try:
        yield
    except Exception:
        _marker(project).unlink()
        raise
    _marker(project).unlink()


def write(project: Repository, merge: Merge, scratch: Path, *, complete: bool = True) -> None:
    """Write the result of a merge; nothing of it is committed. If it is not complete, an update
    counts as interrupted until the block of `completing` ends.

    Raises TemplateError: before anything is written if files are in the way, and if one cannot be
    written.
    """
    git = project.git
    git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(scratch), "merged")
    prefix = git("rev-parse", "--show-prefix").rstrip("\n")
    tree = _whole_tree(project, prefix, merge.commit, scratch)
    root = Repository(Path(git("rev-parse", "--show-toplevel").rstrip("\n")), project.variables)
    _check_nothing_is_in_the_way(root, tree)
    # Mode 0 removes what the index has at a path, before it gets the versions in conflict.
    none = [f"0 {'0' * len(tree)}\t{prefix}{path}\0" for path in merge.conflicts]
    versions = [f"{v.mode} {v.blob} {v.stage}\t{prefix}{v.path}\0" for v in merge.unmerged]
    changed = root.paths("diff-tree", "-r", "-z", "--name-only", "--diff-filter=d", "HEAD", tree)
    deleted = root.paths("diff-tree", "-r", "-z", "--name-only", "--diff-filter=D", "HEAD", tree)
    marker = _marker(project)
    marker.touch()
    root.git("read-tree", "-m", tree)
    try:
        for path in deleted:
            _delete(root.folder, path)
        root.git("checkout-index", "--force", "--index", "-z", "--stdin", text="\0".join(changed))
        root.git("update-index", "-z", "--index-info", text="".join([*none, *versions]))
    except (OSError, TemplateError) as error:
        raise TemplateError(
            f"Some files could not be written; do not commit the others. {error}\n"
            f"Fix the cause, and undo what was written: {UNDO}"
        ) from None
    if complete:
        marker.unlink()


def _marker(project: Repository) -> Path:
    path = project.git("rev-parse", "--git-path", "template-update").rstrip("\n")
    return project.folder / path


def _whole_tree(project: Repository, prefix: str, commit: str, scratch: Path) -> str:
    """The tree of the whole repository, with the result in the service's folder."""
    if not prefix:
        return project.git("rev-parse", f"{commit}:").strip()
    index = {"GIT_INDEX_FILE": str(scratch.with_name("index"))}
    other = Repository(project.folder, project.variables | index)
    other.git("read-tree", "HEAD")
    other.git("rm", "-r", "--cached", "--quiet", "--", ".")
    other.git("read-tree", f"--prefix={prefix}", f"{commit}:")
    return other.git("write-tree").strip()


def _check_nothing_is_in_the_way(root: Repository, tree: str) -> None:
    added = root.paths("diff-tree", "-r", "-z", "--name-only", "--diff-filter=A", "HEAD", tree)
    there = [path for path in added if os.path.lexists(root.folder / path)]
    if there:
        raise TemplateError(
            "The update writes these files, which already exist and are not in git; move them away "
            + "\n".join(["first:", *(f"  {path}" for path in there)])
        )
    # Git knows more that would be lost, such as edits of files that are assumed to be unchanged.
    root.git("update-index", "--refresh", codes=(0, 1))
    root.git("read-tree", "-m", "-u", "--dry-run", "HEAD", tree)


def _delete(folder: Path, path: str) -> None:
    """Delete a file, and the folders that are empty then."""
    (folder / path).unlink(missing_ok=True)
    for parent in Path(path).parents[:-1]:
        try:
            (folder / parent).rmdir()
        except OSError:
            break
