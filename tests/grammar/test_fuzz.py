"""The grammar at random: what it takes works, and what it refuses it refuses in a sentence.

EXAMPLES says how many services are rendered; with it they are new ones each time (`nox -s fuzz`).
"""

import os
from itertools import count
from pathlib import Path

import pytest
from copier import run_copy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from tests.grammar.lines import BAD, Bad, lines, projects
from tests.harness.project import Project, render
from tests.harness.template import ROOT

RANDOM = "EXAMPLES" in os.environ
SERVICES = int(os.environ.get("EXAMPLES", "2"))
REMEMBERED = {"author": "name:str!", "book": "title:str author:ref(author)"}

# As Copier makes it: see "Jinja2" in its documentation.
macros = SandboxedEnvironment(
    loader=FileSystemLoader(ROOT),
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
    undefined=StrictUndefined,
)
ask = macros.from_string(
    "{% from 'includes/problems.jinja' import problem %}{{ problem(resources, line) }}"
)


REASONS = ("choose another", "name another", "rename", "may have", "shorten", "begin with 0")
"""What can still be wrong with a name that is well formed."""


def problem(resources: dict[str, str], line: str) -> str:
    return ask.render(resources=resources, line=line)


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=not RANDOM,
        suppress_health_check=list(HealthCheck),
    )


def test_what_follows_the_rules_is_taken() -> None:
    """All but a few, whose names have a meaning somewhere: then the sentence says so."""
    answers: list[str] = []

    @examples(300)
    @given(lines(["author", "book"]))
    def check(line: str) -> None:
        answers.append(problem(REMEMBERED, line))

    check()
    refused = [why for why in answers if why]
    assert [why for why in refused if not any(reason in why for reason in REASONS)] == []
    assert len(refused) < len(answers) / 4


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_named_in_one_sentence(mistake: str) -> None:
    @examples(25)
    @given(BAD[mistake])
    def check(bad: Bad) -> None:
        line, wrong = bad
        assert_sentence(problem(REMEMBERED, line), wrong)

    check()


@examples(500)
@given(st.text(max_size=60))
def test_whatever_is_typed_gets_a_sentence_or_is_taken(line: str) -> None:
    why = problem(REMEMBERED, line)
    if why:
        assert_sentence(why, "")


def assert_sentence(text: str, names: str) -> None:
    assert names in text
    assert len(text.splitlines()) == 1
    assert text.endswith(".")


def test_a_plural_of_two_lines_is_refused() -> None:
    assert_sentence(problem({"book/books\n": "title:str"}, ""), "plural")


@pytest.mark.parametrize("mistake", ["an unknown type", "a ref to itself", "Jinja"])
def test_a_mistake_writes_nothing(template: Path, tmp_path: Path, mistake: str) -> None:
    @examples(2)
    @given(BAD[mistake])
    def check(bad: Bad) -> None:
        line, wrong = bad
        with pytest.raises(ValueError) as error:  # noqa: PT011 (the sentence is looked at)
            run_copy(
                str(template), tmp_path / "p", data={"resource": line}, defaults=True, quiet=True
            )
        assert_sentence(str(error.value).splitlines()[-1], wrong)
        assert not (tmp_path / "p").exists()

    check()


def test_what_is_taken_renders_to_a_service_that_works(
    template: Path, default_project: Project, tmp_path: Path
) -> None:
    numbers = count()
    environment = {
        "UV_PROJECT_ENVIRONMENT": str(default_project.path / ".venv"),
        "UV_NO_SYNC": "1",
    }

    @examples(SERVICES)
    @given(projects(problem))
    def check(resources: dict[str, str]) -> None:
        answers: dict[str, object] = {"resource": "", "resources": resources}
        project = render(template, tmp_path / f"service {next(numbers)}", answers)
        for command in CHECKS:
            project.run(*command, code=0, **environment)

    check()


CHECKS: list[tuple[str, ...]] = [
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("pytest", "--quiet"),
]
