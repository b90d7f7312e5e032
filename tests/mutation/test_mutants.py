"""Which mutants a module has."""

from pathlib import Path

import pytest

from tests.mutation.overlay.mutation.mutants import mutants_of


def changes(tmp_path: Path, source: str) -> list[str]:
    module = tmp_path / "module.py"
    module.write_text(source)
    return [f"{mutant.before} -> {mutant.after}" for mutant in mutants_of(module, tmp_path)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", ["a < b -> a <= b"]),
        ("x = a and b", ["a and b -> a or b"]),
        ("x = not a", ["not a -> a"]),
        ("x = a + b", ["a + b -> a - b"]),
        ("x = True", ["True -> False"]),
        ("x = 7", ["7 -> 8"]),
        ("x = f(limit=a)", ["f(limit=a) -> f()"]),
        ("f(a)", ["f(a) -> "]),
        ("if a: f = b", ["if a: ... -> if not a: ..."]),
        ("def f(): return a", ["return a -> return None"]),
        ("x: Literal['id'] = a", []),
        ("x = Literal['id']", ["'id' -> 'idx'"]),
    ],
)
def test_a_mutant_has_one_small_change(tmp_path: Path, source: str, expected: list[str]) -> None:
    assert changes(tmp_path, source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "import a",
        "x: int",
        "raised = f'no {x}'",
        "x = f(description='word')",
        "x = 'a sentence'",
        "__all__ = ['a']",
        "A = str | None",
        "T = TypeVar('T', bound=A)",
        "@dataclass(frozen=True)\nclass A: pass",
    ],
)
def test_wording_has_no_mutants_that_tests_should_notice(tmp_path: Path, source: str) -> None:
    found = changes(tmp_path, source)
    assert [change for change in found if change != "f(description='word') -> f()"] == []


def test_a_mutant_names_the_definition_that_it_is_in(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("A = 1\nclass B:\n    c: int = 2\n    def d(): return f(3)\n")
    found = {mutant.before: mutant.definition for mutant in mutants_of(module, tmp_path)}
    assert found == {"1": "A", "2": "B.c", "3": "B.d", "return f(3)": "B.d"}


def test_a_mutant_differs_from_its_module_in_one_place(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def f():\n    raise E\n\ndef g():\n    return 1 < 2\n")
    sources = [mutant.source for mutant in mutants_of(module, tmp_path)]
    assert "def f():\n    pass" in sources[0]
    assert "return 1 < 2" in sources[0]
    assert len(set(sources)) == len(sources)
