"""The grammar at random: what it accepts works, and what it rejects it rejects in a sentence.

EXAMPLES says how many services are rendered; with it they are new ones each time (`nox -s fuzz`).
"""

import os
from itertools import count
from pathlib import Path

import pytest
from copier import run_copy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.grammar.lines import BAD, Bad, lines, projects
from tests.grammar.macros import problem
from tests.harness.project import Project, render

RANDOM = "EXAMPLES" in os.environ
SERVICES = int(os.environ.get("EXAMPLES", "2"))
REMEMBERED = {"author": "name:str!", "book": "title:str author:ref(author)"}

REASONS = ("choose another", "rename", "the maximum is", "start with 0", "none of its fields")
"""What can still be wrong with well-formed names, or with all fields of a line together."""


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=not RANDOM,
        suppress_health_check=list(HealthCheck),
    )


def test_lines_that_follow_the_rules_are_accepted() -> None:
    """All but a few, whose names are too long or reserved: then the sentence says so."""
    answers: list[str] = []

    @examples(300)
    @given(lines(["author", "book"]))
    def check(line: str) -> None:
        answers.append(problem(REMEMBERED, line))

    check()
    rejected = [why for why in answers if why]
    assert [why for why in rejected if not any(reason in why for reason in REASONS)] == []
    assert len(rejected) < len(answers) / 3


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
def test_any_text_is_accepted_or_rejected_in_a_sentence(line: str) -> None:
    why = problem(REMEMBERED, line)
    if why:
        assert_sentence(why, "")


def assert_sentence(text: str, names: str) -> None:
    assert names in text
    assert len(text.splitlines()) == 1
    assert text.endswith(".")


def test_a_plural_of_two_lines_is_rejected() -> None:
    assert_sentence(problem({"book/books\n": "title:str"}, ""), "plural")


@pytest.mark.parametrize("mistake", ["an unknown type", "a ref to itself", "Jinja"])
def test_a_mistake_writes_nothing(template: Path, tmp_path: Path, mistake: str) -> None:
    @examples(2)
    @given(BAD[mistake])
    def check(bad: Bad) -> None:
        line, wrong = bad
        with pytest.raises(ValueError) as error:  # noqa: PT011 (the sentence is checked)
            run_copy(
                str(template), tmp_path / "p", data={"resource": line}, defaults=True, quiet=True
            )
        assert_sentence(str(error.value).splitlines()[-1], wrong)
        assert not (tmp_path / "p").exists()

    check()


@pytest.mark.thorough  # as the services of tests/harness/answers.py, which other tests render
def test_what_is_accepted_renders_a_service_that_works(
    template: Path, default_project: Project, tmp_path: Path
) -> None:
    numbers = count()

    @examples(SERVICES)
    @given(projects(problem))
    def check(resources: dict[str, str]) -> None:
        answers: dict[str, object] = {"resource": "", "resources": resources}
        path = render(template, tmp_path / f"service {next(numbers)}", answers).path
        for command in CHECKS:
            Project(path, default_project.venv).run(*command)

    check()


CHECKS: list[tuple[str, ...]] = [
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("pytest", "--quiet"),
]
