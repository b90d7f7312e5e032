"""Git, with settings that mean the same on every machine."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SETTINGS = {
    "apply.ignoreWhitespace": "no",
    "apply.whitespace": "nowarn",
    "commit.gpgSign": "false",
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.excludesFile": os.devnull,
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.safecrlf": "false",
    "diff.ignoreSubmodules": "none",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "gc.auto": "0",
    "init.templateDir": "",
    "maintenance.auto": "false",
    "merge.conflictStyle": "merge",
    "merge.directoryRenames": "true",
    "merge.renameLimit": "10000",
    "merge.renames": "true",
    "status.showUntrackedFiles": "normal",
    "submodule.recurse": "false",
}
"""Settings of a user that would change what is rendered or merged, and values that do not."""

LOCAL_VARIABLES = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
}
"""What git sets for its hooks and aliases (`git rev-parse --local-env-vars`): it would lead each
command to that repository."""

AUTHOR = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "template"), ("EMAIL", "template@localhost"))
}
"""Who makes the commits of a temporary repository."""


class TemplateError(Exception):
    """The command failed or only partly succeeded; the message says why, and what to do."""


class UnreachableError(TemplateError):
    """The template could not be read."""


def environment() -> dict[str, str]:
    """The variables of this process without those that lead git to a certain repository."""
    return {name: value for name, value in os.environ.items() if name not in LOCAL_VARIABLES}


def neutral_environment() -> dict[str, str]:
    """The same, with `SETTINGS` instead of the user's own; credentials and addresses are theirs."""
    variables = environment() | AUTHOR | {"PYTHONUTF8": "1"}
    count = int(variables.get("GIT_CONFIG_COUNT", "0"))
    for number, (name, value) in enumerate(SETTINGS.items(), start=count):
        variables[f"GIT_CONFIG_KEY_{number}"] = name
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables | {"GIT_CONFIG_COUNT": str(count + len(SETTINGS))}


@dataclass(frozen=True)
class Version:
    """A version of a file that git could not merge."""

    path: str
    stage: str
    """1 for the common ancestor, 2 for ours, 3 for theirs."""

    mode: str
    blob: str


@dataclass(frozen=True)
class Repository:
    """A folder in a git repository, in which commands run."""

    folder: Path
    variables: dict[str, str] = field(default_factory=environment)

    def git(self, *arguments: str, text: str = "", codes: tuple[int, ...] = (0,)) -> str:
        """The output of a git command that reads `text`.

        Raises TemplateError unless it exits with one of the codes.
        """
        try:
            run = subprocess.run(  # noqa: S603
                ("git", *arguments),  # noqa: S607
                cwd=self.folder,
                env=self.variables,
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",  # names of files can be any bytes
                check=False,
            )
        except FileNotFoundError:
            raise TemplateError("git is not installed; it is needed to merge changes.") from None
        if run.returncode not in codes:
            raise TemplateError(f"`git {' '.join(arguments)}` failed: {run.stderr.strip()}")
        return run.stdout

    def paths(self, *arguments: str) -> list[str]:
        """The paths that a command prints with `-z`."""
        return [path for path in self.git(*arguments).split("\0") if path]

    def unmerged(self) -> list[Version]:
        """The versions of all files that could not be merged."""
        entries = (line.partition("\t") for line in self.paths("ls-files", "--unmerged", "-z"))
        found = ((path, *entry.split()) for entry, _, path in entries)
        return [Version(path, stage, mode, blob) for path, mode, blob, stage in found]

    def files(self, tree: str) -> dict[str, str]:
        """The files of a tree: the object of each path."""
        entries = (line.partition("\t") for line in self.paths("ls-tree", "-r", "-z", tree))
        return {path: entry.split()[2] for entry, _, path in entries}

    def modes(self, tree: str) -> dict[str, str]:
        """The mode of each file of a tree."""
        entries = (line.partition("\t") for line in self.paths("ls-tree", "-r", "-z", tree))
        return {path: entry.split()[0] for entry, _, path in entries}

    def lines(self, blob: str) -> list[str]:
        """The lines of a file's content."""
        return self.git("cat-file", "blob", blob).splitlines()
