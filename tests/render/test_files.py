"""What is in the files of a rendered project."""

import re
import tomllib

import yaml

from tests.harness.project import Project

# Not what GitHub's workflows write, and not the braces of the awkward description.
JINJA = re.compile(r"(?<!\$)\{\{(?! \}\})|\{%|\{#|%\}|#\}|_copier_conf")


def test_no_jinja_is_left_in_contents(project: Project) -> None:
    left = {
        f"{file}:{number}": line
        for file in project.files()
        if file != ".copier-answers.yml"  # holds what the user answered
        for number, line in enumerate((project.path / file).read_text().splitlines(), start=1)
        if JINJA.search(line)
    }
    assert left == {}


def test_no_jinja_is_left_in_paths(project: Project) -> None:
    assert [file for file in project.files() if JINJA.search(file) or "jinja" in file] == []


def test_a_project_without_search_or_pairs_has_no_trace_of_them(default_project: Project) -> None:
    texts = {
        file: (default_project.path / file).read_text()
        for file in default_project.files()
        if file.startswith(("app/", "migrations/", "tests/")) or file == "pyproject.toml"
    }
    traces = ("full_text", "searched", "tsvector", "migrations.expressions", "many_to_many")
    assert [file for file, text in texts.items() if any(trace in text for trace in traces)] == []
    gone = {"app/full_text.py", "app/many_to_many.py", "migrations/expressions.py"}
    assert gone & texts.keys() == set()


def test_every_file_ends_in_exactly_one_newline(project: Project) -> None:
    texts = {file: (project.path / file).read_bytes() for file in project.files()}
    wrong = [
        file
        for file, text in texts.items()
        if text and (not text.endswith(b"\n") or text.endswith(b"\n\n"))
    ]
    assert wrong == []


def test_no_line_ends_in_a_space(project: Project) -> None:
    wrong = [
        f"{file}:{number}"
        for file in project.files()
        for number, line in enumerate((project.path / file).read_text().splitlines(), start=1)
        if line != line.rstrip()
    ]
    assert wrong == []


def test_toml_parses(project: Project) -> None:
    files = [file for file in project.files() if file.endswith(".toml")]
    assert "pyproject.toml" in files
    for file in files:
        tomllib.loads((project.path / file).read_text())


def test_yaml_parses(project: Project) -> None:
    files = [file for file in project.files() if file.endswith((".yml", ".yaml"))]
    assert ".copier-answers.yml" in files
    for file in files:
        list(yaml.safe_load_all((project.path / file).read_text()))
