"""A service and the render of its answers, which is what it would be without edits."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from dev.template.answers import (
    ANSWERS_FILE,
    find_release,
    parse_features,
    parse_resources,
    read_answers,
    read_release,
    read_source,
)
from dev.template.git import Repository, TemplateError
from dev.template.merging import Scratch
from dev.template.rendering import NO_CHANGES, Changes, of_the_service, render


@dataclass(frozen=True)
class State:
    """What a resource is rendered with, apart from its fields."""

    release: str
    features: tuple[str, ...]

    @classmethod
    def of(cls, answers: str) -> Self:
        """The state in the text of an answers file."""
        return cls(find_release(answers), tuple(sorted(parse_features(answers))))

    def explain(self, name: str, now: Self) -> str:
        """That a resource was rendered in this state, and is not as it would be now."""
        if self.release != now.release:
            return (
                f"Resource '{name}' is as release {self.release} rendered it: it was added or "
                f"changed on a branch that {now.release} was not in"
            )
        parts = [f"without {feature}" for feature in now.features if feature not in self.features]
        parts += [f"with {feature}" for feature in self.features if feature not in now.features]
        return (
            f"Resource '{name}' was rendered {' and '.join(parts)}: it was added or changed on a "
            "branch that had other features"
        )


@dataclass(frozen=True)
class Finding:
    """Something that neither the release nor an edit explains."""

    text: str
    repairs: Mapping[str, tuple[str | None, str | None]]
    """For each file that can be repaired two blobs, whose difference git merges into it; None if
    there is no such file."""


class Comparison:
    """The last commit of a service, and the render of its answers."""

    def __init__(self, project: Repository, folder: Path) -> None:
        self.project = project
        self.source = read_source(project.folder)
        self.release = read_release(project.folder)
        self.resources = parse_resources(read_answers(project.folder))
        self.features = parse_features(read_answers(project.folder))
        self.scratch = Scratch(folder / "merged", project)
        self._folder = folder
        self._renders: dict[State, dict[str, str]] = {}
        with of_the_service():
            rendered = self._render(self.release)
        self.rendered = rendered
        """The blobs of the render, by path."""

        self.before = self.scratch.repository.files(self.scratch.before)
        """Those of the service."""

        self.without_files = self._find_without_files()
        """The resources and features that have no files, and which of both each is."""

    @property
    def names(self) -> list[str]:
        """The names of the resources."""
        return [written.partition("/")[0] for written in self.resources]

    @property
    def state(self) -> State:
        """What all resources should be rendered with."""
        return State(self.release, tuple(sorted(self.features)))

    def files_of(self, name: str) -> list[str]:
        """The files of a resource that its user has not deleted."""
        models = self.rendered.get(f"app/resources/{name}/models.py")
        table = "".join(self.lines(models)) if models else ""
        plural = re.search(r' __tablename__ = "(\w+)"', table)
        tests = f"tests/api/test_{plural[1]}.py" if plural else ""
        files = (f"tests/factories/{name}.py", tests)
        return [
            path
            for path in self.rendered
            if path in self.before and (path.startswith(f"app/resources/{name}/") or path in files)
        ]

    def is_older(self, path: str, older: str) -> bool:
        """Whether a file lacks all that was changed in it since it was rendered as it was then."""
        there, then, now = (
            {line for line in self.lines(blob) if line.strip()}
            for blob in (self.before[path], older, self.rendered[path])
        )
        return then != now and not (now - then) & there and then - now <= there

    def render_as(self, state: State) -> dict[str, str]:
        """What the answers of the service would render in another state; nothing if they cannot."""
        if state not in self._renders:
            resources = self.resources
            if "auth" not in state.features:  # there are no owners without users
                resources = {
                    written: " ".join(word for word in fields.split() if word != "owner")
                    for written, fields in resources.items()
                }
            changes = {"features": list(state.features), "resources": resources}
            try:
                self._renders[state] = self._render(state.release, changes)
            except TemplateError:
                self._renders[state] = {}
        return self._renders[state]

    def history(self) -> Iterator[tuple[str, str]]:
        """The answers after each commit that changed them, and before it."""
        path = f"{self.project.git('rev-parse', '--show-prefix').rstrip()}{ANSWERS_FILE}"
        commits = self.project.git(
            *("rev-list", "--full-history", "--no-merges", "--topo-order", "--reverse"),
            *("HEAD", "--", ANSWERS_FILE),
        ).split()
        for commit in commits:
            yield self._answers_in(f"{commit}:{path}"), self._answers_in(f"{commit}^:{path}")

    def ignored(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths that git ignores."""
        ignored = self.project.git(
            "check-ignore", "--no-index", "-z", "--stdin", text="\0".join(paths), codes=(0, 1)
        )
        return [path for path in ignored.split("\0") if path]

    def lines(self, blob: str) -> list[str]:
        return self.scratch.repository.lines(blob)

    def write(self, text: str) -> str:
        return self.scratch.repository.git("hash-object", "-w", "--stdin", text=text).strip()

    def _find_without_files(self) -> dict[str, str]:
        parts = [("resource", name, f"app/resources/{name}/") for name in self.names]
        parts += [("feature", name, f"app/{name}/") for name in self.features]
        found = {}
        for kind, name, folder in parts:
            files = [path for path in self.rendered if path.startswith(folder)]
            if not any(path in self.before for path in files) and not self.ignored(files):
                found[name] = kind
        return found

    def _answers_in(self, name: str) -> str:
        return self.project.git("cat-file", "blob", name, codes=(0, 128))

    def _render(self, release: str, changes: Changes = NO_CHANGES) -> dict[str, str]:
        """The files of a release, with the answers of the service and these changes."""
        with TemporaryDirectory(dir=self._folder) as folder:
            target = Path(folder) / "render"
            render(self.source, release, self.project.folder / ANSWERS_FILE, target, changes)
            return self.scratch.repository.files(self.scratch.commit(target))
