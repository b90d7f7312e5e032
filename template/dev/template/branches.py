"""What merges of branches leave that had other releases, features or fields."""

import re
from collections.abc import Iterator

from dev.template.answers import ANSWERS_FILE, parse_resources
from dev.template.comparison import Comparison, Finding, State
from dev.template.registries import FEATURES, REGISTRIES, without_lines_of

OWN_COLUMNS = "# Your own columns"
"""What begins the user's own part of a model."""

RECENT = 3
"""How many earlier states a branch is taken to have been in: each may take a render."""


def find_older_resources(comparison: Comparison) -> Iterator[Finding]:
    """Resources that a branch rendered with an older release, or with other features."""
    now = comparison.state
    for name, states in _states_of_resources(comparison).items():
        edited = [
            path
            for path in comparison.files_of(name)
            if comparison.before[path] != comparison.rendered[path]
        ]
        for state in states:
            if not edited or state == now:
                continue
            older = comparison.render_as(state)
            repairs = {
                path: (older[path], comparison.rendered[path])
                for path in edited
                if path in older and comparison.is_older(path, older[path])
            }
            if repairs:
                yield Finding(f"{state.explain(name, now)}: {', '.join(repairs)}", repairs)
                break


def find_combined_features(comparison: Comparison) -> Iterator[Finding]:
    """Files that follow from features, or a release, which a merge has brought together."""
    now = comparison.state
    states = list(dict.fromkeys(State.of(after) for after, _ in comparison.history()))
    if now in states:
        return
    sides = [side for side in map(comparison.render_as, states[-RECENT:]) if side]
    others = {ANSWERS_FILE, *REGISTRIES}
    others.update(*map(comparison.files_of, comparison.names))
    repairs: dict[str, tuple[str | None, str | None]] = {}
    for path in sorted({*comparison.rendered, *comparison.before} - others):
        there, rendered = comparison.before.get(path), comparison.rendered.get(path)
        then = [side[path] for side in sides if path in side]
        older: list[str | None]
        if rendered is None:
            older = [blob for blob in then if blob == there]
        elif there is None:
            older = [] if then else [None]
        else:
            older = [blob for blob in then if comparison.is_older(path, blob)]
        if older:
            repairs[path] = (older[-1], rendered)
    if FEATURES in comparison.before and FEATURES in comparison.rendered:
        repaired = without_lines_of(sides, FEATURES, comparison)
        if repaired != comparison.before[FEATURES]:
            repairs[FEATURES] = (comparison.before[FEATURES], repaired)
    if repairs:
        yield Finding(
            f"A merge has combined the features of branches ({', '.join(now.features)}), and "
            f"these files do not fit the combination yet: {', '.join(repairs)}",
            repairs,
        )


def find_lost_fields(comparison: Comparison) -> Iterator[Finding]:
    """Fields that a branch has added, and whose line in the answers a merge has lost."""
    known: dict[str, dict[str, str]] = {}
    for after, _ in comparison.history():
        for written, fields in parse_resources(after).items():
            texts = {text.partition(":")[0]: text for text in fields.split()}
            known.setdefault(written.partition("/")[0], {}).update(texts)
    present = comparison.names
    renamed = [name for name in known if name not in present or name in comparison.without_files]
    for name in sorted(present):
        path = f"app/resources/{name}/models.py"
        lost = {
            attribute: known[other][attribute]
            for attribute in _columns(comparison, path, comparison.before)
            if attribute not in _columns(comparison, path, comparison.rendered)
            for other in (*renamed, name)
            if attribute in known.get(other, {})
        }
        if lost:
            added = " ".join(f"+{text}" for text in lost.values())
            yield Finding(
                f"{path} has {', '.join(lost)}, but resource '{name}' in {ANSWERS_FILE} does "
                f"not. Add what a merge has lost: uv run resource change {name} "
                f'"{added}"; or remove it from the file',
                {},
            )


def _states_of_resources(comparison: Comparison) -> dict[str, list[State]]:
    """What each resource may have been rendered with last, as the history of the answers says.

    For a resource that was added, these are also earlier states: a rebase, or a merge as one
    commit, hides what its branch had.
    """
    found: dict[str, list[State]] = {}
    states: list[State] = []
    for after, before in comparison.history():
        state, resources, earlier = State.of(after), *map(parse_resources, (after, before))
        others = [other for other in reversed(states) if other != state][:RECENT]
        for written, fields in resources.items():
            name = written.partition("/")[0]
            if before and written not in earlier:
                found[name] = [state, *others]
            elif state != State.of(before) or earlier.get(written) != fields:
                found[name] = [state]
        states = [*(other for other in states if other != state), state]
    return {name: tried for name, tried in found.items() if name in comparison.names}


def _columns(comparison: Comparison, path: str, files: dict[str, str]) -> list[str]:
    """The columns and relationships in the generated part of a model."""
    text = "\n".join(comparison.lines(files[path])) if path in files else ""
    return re.findall(r"^    (\w+): Mapped\[", text.partition(OWN_COLUMNS)[0], re.MULTILINE)
