"""Git's three-way merge of two renders with the service, in a temporary repository."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.template.answers import ANSWERS_FILE
from dev.template.git import Repository, Version, neutral_environment

OURS, THEIRS = "before updating", "after updating"
"""The labels of conflict markers; Copier writes the same."""

ORDINARY = "100644"
"""The mode of a file that is neither a program nor a link."""

NO_MODES: Mapping[str, str] = {}

# No merge driver and no conversion of a project acts here: `.gitattributes` may name programs of
# the user's machine, and content must stay as it is in git.
ATTRIBUTES = "* !merge -text -filter -ident -working-tree-encoding\n"


@dataclass(frozen=True)
class Merge:
    """What came of a merge; trees are those of the service's folder."""

    before: str
    """The tree that the service has."""

    old: str
    """The tree of the release that it has, without the user's edits."""

    new: str
    """The tree of the release that it is to get, without the user's edits."""

    commit: str
    """A commit of the result: conflicts are in its files, between markers."""

    unmerged: list[Version]
    """The versions of each file in conflict."""

    moved_by_user: dict[str, str]
    """Where files were that the user has moved, and where they are."""

    changed_where_moved: list[str]
    """Those that the release changes, where they are."""

    moved_by_release: dict[str, str]
    """Where files were that the release has moved, and where they are."""

    stays_deleted: list[str]
    """Files that the release changes and the user has deleted."""

    deleted_edits: list[str]
    """Files that were deleted although the user had edited them."""

    @property
    def conflicts(self) -> list[str]:
        """The files that could not be merged."""
        return sorted({version.path for version in self.unmerged})

    @property
    def deleted_by_template(self) -> list[str]:
        """Those of them that the user has edited and that the release no longer has."""
        return _with_stages(self.unmerged, "12")


class Scratch:
    """A temporary repository in which two renders are merged with the service."""

    def __init__(self, folder: Path, project: Repository) -> None:
        folder.mkdir()
        # Names of files are not patterns.
        variables = neutral_environment() | {"GIT_LITERAL_PATHSPECS": "1"}
        self.repository = Repository(folder, variables)
        hashes = project.git("rev-parse", "--show-object-format").strip()
        self.repository.git("init", "--quiet", f"--object-format={hashes}")
        self._borrow_objects(project)
        self.before = committed_tree(project)
        """The tree of the service's folder in its last commit."""

    def commit(self, folder: Path) -> str:
        """Commit all that is in a folder; return the commit, which has no parent."""
        git = self.repository.git
        work_tree = ("--work-tree", str(folder))
        git("read-tree", "--empty")
        git(*work_tree, "add", "--all", "--force")
        tree = git("write-tree").strip()
        return git("commit-tree", tree, "-m", folder.name).strip()

    def commit_files(self, files: Mapping[str, str]) -> str:
        """Commit these blobs; return the commit, which has no parent."""
        tree = self.write_tree(files)
        return self.repository.git("commit-tree", tree, "-m", "files").strip()

    def write_tree(self, files: Mapping[str, str], modes: Mapping[str, str] = NO_MODES) -> str:
        """Write a tree of these blobs; files are ordinary ones unless `modes` has another mode."""
        git = self.repository.git
        entries = [f"{modes.get(path, ORDINARY)} {blob}\t{path}\0" for path, blob in files.items()]
        git("read-tree", "--empty")
        git("update-index", "-z", "--index-info", text="".join(entries))
        return git("write-tree").strip()

    def merge(
        self, old: str, new: str, before: str | None = None, *, delete_edited: bool = False
    ) -> Merge:
        """Merge what changed between two commits into the service, or into the tree `before`,
        which was made from the service's.

        A file that the user edited and that `new` no longer has is a conflict, unless
        `delete_edited`.
        """
        git = self.repository.git
        before = before or self.before
        ours = git("commit-tree", before, "-p", old, "-m", OURS).strip()
        git("checkout", "--quiet", "--force", "--detach", ours)
        labels = {f"GITHEAD_{ours}": OURS, f"GITHEAD_{new}": THEIRS}
        merging = Repository(self.repository.folder, self.repository.variables | labels)
        merging.git("merge-recursive", old, "--", ours, new, codes=(0, 1))

        stays_deleted, deleted_edits = self._settle_deletions(delete_edited=delete_edited)
        git("checkout", "--quiet", new, "--", ANSWERS_FILE)
        unmerged = self.repository.unmerged()
        git("add", "--all", "--force")
        result = git("write-tree").strip()
        commit = git("commit-tree", result, "-p", ours, "-p", new, "-m", "merged").strip()
        git("branch", "--force", "merged", commit)
        moved_by_user = self._renames(old, ours)
        changed = self.repository.paths("diff-tree", "-r", "-z", "--name-only", ours, commit)
        return Merge(
            before=before,
            old=f"{old}:",
            new=f"{new}:",
            commit=commit,
            unmerged=unmerged,
            moved_by_user=moved_by_user,
            changed_where_moved=[path for path in moved_by_user.values() if path in changed],
            moved_by_release=self._renames(ours, commit),
            stays_deleted=stays_deleted,
            deleted_edits=deleted_edits,
        )

    def _borrow_objects(self, project: Repository) -> None:
        """Let git find the service's commits and files."""
        objects = project.git("rev-parse", "--git-path", "objects").rstrip("\n")
        own = self.repository.folder / ".git"
        alternates = own / "objects" / "info" / "alternates"
        alternates.write_text(f"{(project.folder / objects).resolve()}\n", encoding="utf-8")
        (own / "info").mkdir(exist_ok=True)
        (own / "info" / "attributes").write_text(ATTRIBUTES, encoding="utf-8")

    def _settle_deletions(self, *, delete_edited: bool) -> tuple[list[str], list[str]]:
        """Delete files that only one side still has: those that the user had deleted, and those
        that the template deletes if the user has said so. Return both."""
        unmerged = self.repository.unmerged()
        stays_deleted = _with_stages(unmerged, "13")
        edited = _with_stages(unmerged, "12")
        gone = stays_deleted + (edited if delete_edited else [])
        if gone:
            self.repository.git("rm", "--quiet", "--force", "--", *gone)
        return stays_deleted, edited if delete_edited else []

    def _renames(self, before: str, after: str) -> dict[str, str]:
        """The files that git takes to have been moved between two commits."""
        found = self.repository.paths(
            "diff-tree", "-r", "-z", "--find-renames", "--diff-filter=R", "--name-status",
            before, after,
        )  # fmt: skip
        return dict(zip(found[1::3], found[2::3], strict=True))


def committed_tree(project: Repository) -> str:
    """The tree of the service's folder in its last commit. Raises TemplateError if it has none."""
    prefix = project.git("rev-parse", "--show-prefix").rstrip("\n")
    return project.git("rev-parse", "--verify", f"HEAD:{prefix}").strip()


def _with_stages(unmerged: list[Version], stages: str) -> list[str]:
    """The files of which there are these versions and no others."""
    found: dict[str, str] = {}
    for version in unmerged:
        found[version.path] = found.get(version.path, "") + version.stage
    return [path for path, of_path in found.items() if of_path == stages]


def parents(path: str) -> list[str]:
    """The folders in which a file is, the outermost first."""
    return [os.fspath(parent) for parent in Path(path).parents if parent != Path()][::-1]
