"""Which cases run every time, and which only in `nox -s thorough` and so every night.

Whole tests that repeat what others show have the marker `thorough`.
"""

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

THOROUGH = bool(os.environ.get("THOROUGH"))


def usually(cases: Iterable[T], count: int) -> list[T]:
    """The first `count` of the cases, or all of them with THOROUGH=1.

    For cases of which the later ones repeat what the first have shown.
    """
    found = list(cases)
    return found if THOROUGH else found[:count]


def fewer(tests: str) -> dict[str, str]:
    """What lets `pytest` run only these of a project's tests, or all with THOROUGH=1.

    For commands of which another test shows that all tests pass.
    """
    return {"PYTEST_ADDOPTS": "" if THOROUGH else tests}
