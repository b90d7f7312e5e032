"""What in a service neither its release nor an edit explains, and its repair.

Git merges branches line by line and knows nothing about renders. So a merge can leave a resource as
an older release rendered it, or out of a registry.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from dev.template import writing
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
from dev.template.merging import Merge, Scratch
from dev.template.rendering import NO_CHANGES, Changes, of_the_service, render
from dev.template.update import check_ready, check_repository

FEATURES = "app/features.py"
REGISTRIES = (FEATURES, "app/resources/__init__.py", "tests/factories/__init__.py")
"""The files with lines for each resource or each feature, in alphabetical order."""


OWN_COLUMNS = "# Your own columns"
"""What begins the user's own part of a model."""

RECENT = 3
"""How many earlier states a branch is taken to have been in: each may take a render."""


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


class Check:
    """A comparison of the last commit of a service with the render of its answers."""

    def __init__(self, project: Repository, folder: Path) -> None:
        self.project = project
        self.folder = folder
        self.source = read_source(project.folder)
        self.release = read_release(project.folder)
        self.resources = parse_resources(read_answers(project.folder))
        self.features = parse_features(read_answers(project.folder))
        self.scratch = Scratch(folder / "merged", project)
        self.renders: dict[State, dict[str, str]] = {}
        with of_the_service():
            self.rendered = self._render(self.release)
        self.before = self.scratch.repository.files(self.scratch.before)
        self.without_files = self._without_files()

    def findings(self) -> Iterator[Finding]:
        yield from self._answers()
        yield from self._registries()
        yield from self._missing_files()
        yield from self._older_resources()
        yield from self._combined_features()
        yield from self._lost_fields()

    def repair(self, findings: list[Finding]) -> Merge:
        """Merge what was found into the service; nothing is committed."""
        repairs = {path: two for finding in findings for path, two in finding.repairs.items()}
        rest = {path: blob for path, blob in self.rendered.items() if path not in repairs}
        old, new = (
            self.scratch.commit_files(
                rest | {path: blob for path, two in repairs.items() if (blob := two[side])}
            )
            for side in (0, 1)
        )
        merge = self.scratch.merge(old, new)
        writing.write(self.project, merge, self.scratch.repository.folder)
        return merge

    def _answers(self) -> Iterator[Finding]:
        if self.before.get(ANSWERS_FILE) != self.rendered[ANSWERS_FILE]:
            yield Finding(
                f"{ANSWERS_FILE} is not as the template writes it: it was edited or merged by hand",
                {ANSWERS_FILE: (self.before[ANSWERS_FILE], self.rendered[ANSWERS_FILE])},
            )

    def _registries(self) -> Iterator[Finding]:
        for path in REGISTRIES:
            if path not in self.before or path not in self.rendered:
                continue
            there = self._lines(self.before[path])
            rendered = [
                line
                for line in self._lines(self.rendered[path])
                if line in there or not any(_is_about(name, line) for name in self.without_files)
            ]
            missing = [line.strip() for line in Counter(rendered) - Counter(there)]
            what = f"lacks: {' '.join(missing)}" if missing else "has another order"
            if not _is_subsequence(rendered, there):
                blob = self._write("\n".join([*_restore_lines(there, rendered), ""]))
                yield Finding(f"{path} {what}", {path: (self.before[path], blob)})

    def _missing_files(self) -> Iterator[Finding]:
        ignored = self._ignored(path for path in self.rendered if path not in self.before)
        if ignored:
            paths = ", ".join(ignored)
            yield Finding(
                f"Git ignores {paths}, so that the last commit lacks what the template renders. "
                "Add such files with: git add --force",
                {},
            )
        for name, kind in self.without_files.items():
            yield Finding(
                f"{kind.capitalize()} '{name}' is in {ANSWERS_FILE}, and has no files; add "
                f"them again, or drop it: uv run {kind} drop {name}",
                {},
            )

    def _without_files(self) -> dict[str, str]:
        """The resources and features that have no files, and which of both each is."""
        names = [written.partition("/")[0] for written in self.resources]
        parts = [("resource", name, f"app/resources/{name}/") for name in names]
        parts += [("feature", name, f"app/{name}/") for name in self.features]
        found = {}
        for kind, name, folder in parts:
            files = [path for path in self.rendered if path.startswith(folder)]
            if not any(path in self.before for path in files) and not self._ignored(files):
                found[name] = kind
        return found

    def _ignored(self, paths: Iterable[str]) -> list[str]:
        """Those of the paths that git ignores."""
        ignored = self.project.git(
            "check-ignore", "--no-index", "-z", "--stdin", text="\0".join(paths), codes=(0, 1)
        )
        return [path for path in ignored.split("\0") if path]

    def _older_resources(self) -> Iterator[Finding]:
        """Resources that a branch rendered with an older release, or with other features."""
        now = State.of(read_answers(self.project.folder))
        for name, states in self._states_of_resources().items():
            edited = [
                path for path in self._files_of(name) if self.before[path] != self.rendered[path]
            ]
            for state in states:
                if not edited or state == now:
                    continue
                older = self._render_as(state)
                repairs = {
                    path: (older[path], self.rendered[path])
                    for path in edited
                    if path in older and self._is_older(path, older[path])
                }
                if repairs:
                    yield Finding(f"{state.explain(name, now)}: {', '.join(repairs)}", repairs)
                    break

    def _files_of(self, name: str) -> list[str]:
        """The files of a resource that its user has not deleted."""
        models = self.rendered.get(f"app/resources/{name}/models.py")
        table = "".join(self._lines(models)) if models else ""
        plural = re.search(r' __tablename__ = "(\w+)"', table)
        tests = f"tests/api/test_{plural[1]}.py" if plural else ""
        files = (f"tests/factories/{name}.py", tests)
        return [
            path
            for path in self.rendered
            if path in self.before and (path.startswith(f"app/resources/{name}/") or path in files)
        ]

    def _is_older(self, path: str, older: str) -> bool:
        """Whether a file lacks all that was changed in it since it was rendered as it was then."""
        there, then, now = (
            {line for line in self._lines(blob) if line.strip()}
            for blob in (self.before[path], older, self.rendered[path])
        )
        return then != now and not (now - then) & there and then - now <= there

    def _states_of_resources(self) -> dict[str, list[State]]:
        """What each resource may have been rendered with last, as the history of the answers says.

        For a resource that was added, these are also earlier states: a rebase, or a merge as one
        commit, hides what its branch had.
        """
        found: dict[str, list[State]] = {}
        states: list[State] = []
        for after, before in self._history():
            state, resources, earlier = State.of(after), *map(parse_resources, (after, before))
            others = [other for other in reversed(states) if other != state][:RECENT]
            for written, fields in resources.items():
                name = written.partition("/")[0]
                if before and written not in earlier:
                    found[name] = [state, *others]
                elif state != State.of(before) or earlier.get(written) != fields:
                    found[name] = [state]
            states = [*(other for other in states if other != state), state]
        present = {written.partition("/")[0] for written in self.resources}
        return {name: tried for name, tried in found.items() if name in present}

    def _history(self) -> Iterator[tuple[str, str]]:
        """The answers after each commit that changed them, and before it."""
        path = f"{self.project.git('rev-parse', '--show-prefix').rstrip()}{ANSWERS_FILE}"
        commits = self.project.git(
            *("rev-list", "--full-history", "--no-merges", "--topo-order", "--reverse"),
            *("HEAD", "--", ANSWERS_FILE),
        ).split()
        for commit in commits:
            yield self._answers_in(f"{commit}:{path}"), self._answers_in(f"{commit}^:{path}")

    def _combined_features(self) -> Iterator[Finding]:
        """Files that follow from features, or a release, which a merge has brought together."""
        now = State.of(read_answers(self.project.folder))
        states = list(dict.fromkeys(State.of(after) for after, _ in self._history()))
        if now in states:
            return
        sides = [side for side in map(self._render_as, states[-RECENT:]) if side]
        names = [written.partition("/")[0] for written in self.resources]
        others = {ANSWERS_FILE, *REGISTRIES, *(path for n in names for path in self._files_of(n))}
        repairs = {}
        for path in sorted({*self.rendered, *self.before} - others):
            there, rendered = self.before.get(path), self.rendered.get(path)
            then = [side[path] for side in sides if path in side]
            older: list[str | None]
            if rendered is None:
                older = [blob for blob in then if blob == there]
            elif there is None:
                older = [] if then else [None]
            else:
                older = [blob for blob in then if self._is_older(path, blob)]
            if older:
                repairs[path] = (older[-1], rendered)
        for path in (FEATURES,) if FEATURES in self.before and FEATURES in self.rendered else ():
            repaired = self._without_lines_of(sides, path)
            if repaired != self.before[path]:
                repairs[path] = (self.before[path], repaired)
        if repairs:
            yield Finding(
                f"A merge has combined the features of branches ({', '.join(now.features)}), and "
                f"these files are not yet as that needs them: {', '.join(repairs)}",
                repairs,
            )

    def _without_lines_of(self, sides: list[dict[str, str]], path: str) -> str:
        """A file as it is rendered, with the user's lines, and without those that git has kept of
        the sides of a merge."""
        rendered = self._lines(self.rendered[path])
        known = {line for side in sides if path in side for line in self._lines(side[path])}
        left = Counter(rendered)
        kept = []
        for line in self._lines(self.before[path]):
            if left[line] > 0 or line not in known | {*rendered}:
                kept.append(line)
            left[line] -= 1
        return self._write("\n".join([*_restore_lines(kept, rendered), ""]))

    def _lost_fields(self) -> Iterator[Finding]:
        """Fields that a branch has added, and whose line in the answers a merge has lost."""
        known: dict[str, dict[str, str]] = {}
        for after, _ in self._history():
            for written, fields in parse_resources(after).items():
                texts = {text.partition(":")[0]: text for text in fields.split()}
                known.setdefault(written.partition("/")[0], {}).update(texts)
        present = {written.partition("/")[0] for written in self.resources}
        renamed = [name for name in known if name not in present or name in self.without_files]
        for name in sorted(present):
            path = f"app/resources/{name}/models.py"
            lost = {
                attribute: known[other][attribute]
                for attribute in self._columns(path, self.before)
                if attribute not in self._columns(path, self.rendered)
                for other in (*renamed, name)
                if attribute in known.get(other, {})
            }
            if lost:
                added = " ".join(f"+{text}" for text in lost.values())
                yield Finding(
                    f"{path} has {', '.join(lost)}, and resource '{name}' in {ANSWERS_FILE} has "
                    f"not. Add what a merge has lost: uv run resource change {name} "
                    f'"{added}"; or remove it there',
                    {},
                )

    def _columns(self, path: str, files: dict[str, str]) -> list[str]:
        """The columns and relationships in the generated part of a model."""
        text = "\n".join(self._lines(files[path])) if path in files else ""
        return re.findall(r"^    (\w+): Mapped\[", text.partition(OWN_COLUMNS)[0], re.MULTILINE)

    def _answers_in(self, name: str) -> str:
        return self.project.git("cat-file", "blob", name, codes=(0, 128))

    def _render(self, release: str, changes: Changes = NO_CHANGES) -> dict[str, str]:
        """The files of a release, with the answers of the service and these changes."""
        with TemporaryDirectory(dir=self.folder) as folder:
            target = Path(folder) / "render"
            render(self.source, release, self.project.folder / ANSWERS_FILE, target, changes)
            return self.scratch.repository.files(self.scratch.commit(target))

    def _render_as(self, state: State) -> dict[str, str]:
        """What the answers of the service would render in another state; nothing if they cannot."""
        if state not in self.renders:
            resources = self.resources
            if "auth" not in state.features:  # there are no owners without users
                resources = {
                    written: " ".join(word for word in fields.split() if word != "owner")
                    for written, fields in resources.items()
                }
            changes = {"features": list(state.features), "resources": resources}
            try:
                self.renders[state] = self._render(state.release, changes)
            except TemplateError:
                self.renders[state] = {}
        return self.renders[state]

    def _lines(self, blob: str) -> list[str]:
        return self.scratch.repository.lines(blob)

    def _write(self, text: str) -> str:
        return self.scratch.repository.git("hash-object", "-w", "--stdin", text=text).strip()


def check(project: Repository, *, repair: bool = False) -> tuple[list[Finding], Merge | None]:
    """Compare the last commit of a service with what its release renders, and repair it if asked.

    Raises TemplateError if it cannot.
    """
    if repair:
        check_ready(project)
    else:
        check_repository(project)
        _check_answers_are_committed(project)
    with TemporaryDirectory(prefix="template-") as folder:
        comparison = Check(project, Path(folder))
        findings = list(comparison.findings())
        if repair and any(finding.repairs for finding in findings):
            return findings, comparison.repair(findings)
    return findings, None


def _check_answers_are_committed(project: Repository) -> None:
    if project.git("diff", "--name-only", "HEAD", "--", ANSWERS_FILE):
        raise TemplateError(
            f"{ANSWERS_FILE} has changes that are not committed, and what is compared is the last "
            "commit. Commit them first: git add . && git commit"
        )


def compare_releases(project: Repository, branch: str) -> str | None:
    """What is wrong if this branch has another release than the one it will be merged into.

    Raises TemplateError if there is no such branch.
    """
    prefix = project.git("rev-parse", "--show-prefix").rstrip("\n")
    there = find_release(project.git("cat-file", "blob", f"{branch}:{prefix}{ANSWERS_FILE}"))
    here = read_release(project.folder)
    if there == here:
        return None
    return (
        f"This branch has release {here}, and {branch} has {there}. A merge would mix them: give "
        "both the same release first. To update this one: uv run template update --to VERSION"
    )


def _is_about(name: str, line: str) -> bool:
    """Whether a line of a registry is about this resource or feature."""
    factory = f"{name.replace('_', '')}factory"
    pattern = rf"\.{name}\b|\b{name}_(nested_)?router\b|(?i:\b{factory}\b)"
    return re.search(pattern, line) is not None


def _is_subsequence(lines: list[str], others: list[str]) -> bool:
    """Whether all of the lines are among the others, in the same order."""
    remaining = iter(others)
    return all(line in remaining for line in lines)


def _restore_lines(there: list[str], rendered: list[str]) -> list[str]:
    """The rendered lines in their order, each followed by the user's lines that follow it now."""
    left = Counter(rendered)
    own: dict[tuple[str, int] | None, list[str]] = {}
    before = None
    for line in there:
        if left[line] > 0:
            left[line] -= 1
            before = (line, left[line])
        else:
            own.setdefault(before, []).append(line)
    restored = own.pop(None, [])
    left = Counter(rendered)
    for line in rendered:
        left[line] -= 1
        restored += [line, *own.pop((line, left[line]), [])]
    return restored
