"""What the answers file remembers: the template, its release, the resources and the features."""

import re
from pathlib import Path

from dev.template.git import TemplateError

ANSWERS_FILE = ".copier-answers.yml"


def read_resources(folder: Path) -> dict[str, str]:
    """Each resource, as its user wrote it, and its fields. Raises TemplateError."""
    return parse_resources(read_answers(folder))


def parse_resources(answers: str) -> dict[str, str]:
    return dict(_resource_entries(answers))


def _resource_entries(answers: str) -> list[tuple[str, str]]:
    section = re.search(r"^resources:\n((?: .*\n)*)", answers, re.MULTILINE)
    entries = re.findall(r"^ +(.+?): (.+)$", section[1], re.MULTILINE) if section else []
    # YAML quotes texts that would mean something else; there are no quotes within.
    return [(name.strip("'"), fields.strip("'")) for name, fields in entries]


def read_features(folder: Path) -> list[str]:
    """The names of the service's features. Raises TemplateError."""
    return parse_features(read_answers(folder))


def parse_features(answers: str) -> list[str]:
    section = re.search(r"^features:\n((?:- .*\n)*)", answers, re.MULTILINE)
    return re.findall(r"^- +(.+)$", section[1], re.MULTILINE) if section else []


def read_questions(folder: Path) -> list[str]:
    """The questions that have an answer to be changed. Raises TemplateError."""
    names = re.findall(r"^([a-z]\w*):", read_answers(folder), re.MULTILINE)
    return [name for name in names if name not in ("features", "resource", "resources")]


def read_source(folder: Path) -> str:
    """The address of the template. Raises TemplateError."""
    return _read_value(folder, "_src_path")


def read_release(folder: Path) -> str:
    """The release of the template that the service has. Raises TemplateError."""
    return _read_value(folder, "_commit")


def read_answers(folder: Path) -> str:
    """The text of the answers file. Raises TemplateError if it cannot be used."""
    path = folder / ANSWERS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TemplateError(
            f"{path} is missing. It records where the template is and the answers to its "
            "questions; restore it from git's history."
        ) from None
    _check_merge(path, text)
    return text


def _check_merge(path: Path, text: str) -> None:
    """Raise TemplateError if a merge has left conflict markers, or the lines of both branches."""
    if re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
        raise TemplateError(f"{path} has conflict markers. Resolve the conflict, and commit.")
    for question in ("features", "resources"):
        if len(re.findall(rf"^{question}:", text, re.MULTILINE)) > 1:
            raise TemplateError(
                f"{path} has '{question}' twice: two branches have each added the first one. Write "
                "all of them below one, sorted, and commit."
            )
    values = re.findall(r"^([a-z]\w*): (.+)$", text, re.MULTILINE)
    entries = [*values, *_resource_entries(text)]
    lines = {name: [line for line in entries if line[0] == name] for name, _ in entries}
    double = {name: found for name, found in lines.items() if len(found) > 1}
    if double:
        listed = "".join(
            f"\n  {name}: {value}" for found in double.values() for name, value in found
        )
        raise TemplateError(
            f"{path} has {' and '.join(map(repr, double))} more than once: a merge has kept the "
            "lines of both branches. Write one line with the changes of both, and commit."
            f"{listed}"
        )


def is_newer(release: str, other: str) -> bool:
    """Whether a release is newer than another, as far as their names say so.

    Between releases, Copier remembers what `git describe` prints: `0.3.0-5-g1a2b3c4` is five
    commits after 0.3.0.
    """
    one, two = (
        re.fullmatch(r"v?([\d.]+)(?:-(\d+)-g[0-9a-f]+)?", name) for name in (release, other)
    )
    if one is None or two is None:
        return False
    return _sort_key(one) > _sort_key(two)


def _sort_key(name: re.Match[str]) -> tuple[list[int], int]:
    return [int(part) for part in name[1].strip(".").split(".")], int(name[2] or 0)


def find_release(answers: str) -> str:
    """The release in the text of an answers file; empty if it has none."""
    found = re.search(r"^_commit: (.*)$", answers, re.MULTILINE)
    return found[1].strip("'\"") if found else ""


def _read_value(folder: Path, name: str) -> str:
    found = re.findall(rf"^{name}: (.*)$", read_answers(folder), re.MULTILINE)
    if len(found) != 1:
        raise TemplateError(
            f"{folder / ANSWERS_FILE} must have one line `{name}: ...`, and has {len(found)}. "
            "It records where the template is; restore it from git's history."
        )
    return str(found[0]).strip("'\"")
