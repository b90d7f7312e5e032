"""The registries, which git merges without a conflict, but not always as they are rendered."""

import re
from collections import Counter
from collections.abc import Iterator

from dev.template.comparison import Comparison, Finding

FEATURES = "app/features.py"
REGISTRIES = (FEATURES, "app/resources/__init__.py", "tests/factories/__init__.py")
"""The files with lines for each resource or each feature, in alphabetical order."""


def find_in_registries(comparison: Comparison) -> Iterator[Finding]:
    """Registries that lack lines of the render, or have them in another order."""
    for path in REGISTRIES:
        if path not in comparison.before or path not in comparison.rendered:
            continue
        there = comparison.lines(comparison.before[path])
        rendered = [
            line
            for line in comparison.lines(comparison.rendered[path])
            if line in there or not any(_is_about(name, line) for name in comparison.without_files)
        ]
        missing = [line.strip() for line in Counter(rendered) - Counter(there)]
        what = f"lacks: {' '.join(missing)}" if missing else "has another order"
        if not _is_subsequence(rendered, there):
            blob = comparison.write("\n".join([*_restore_lines(there, rendered), ""]))
            yield Finding(f"{path} {what}", {path: (comparison.before[path], blob)})


def without_lines_of(sides: list[dict[str, str]], path: str, comparison: Comparison) -> str:
    """A file as it is rendered, with the user's lines, and without those that git has kept of
    the sides of a merge."""
    rendered = comparison.lines(comparison.rendered[path])
    known = {line for side in sides if path in side for line in comparison.lines(side[path])}
    left = Counter(rendered)
    kept = []
    for line in comparison.lines(comparison.before[path]):
        if left[line] > 0 or line not in known | {*rendered}:
            kept.append(line)
        left[line] -= 1
    return comparison.write("\n".join([*_restore_lines(kept, rendered), ""]))


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
