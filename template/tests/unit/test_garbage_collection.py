import gc
import weakref
from collections.abc import Iterator

import pytest

from app.garbage_collection import tune_garbage_collector


class Node:
    """Refers to itself, so that only the garbage collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def threshold() -> Iterator[int]:
    before = gc.get_threshold()
    yield before[0]
    gc.set_threshold(*before)


def test_what_exists_is_not_looked_at_again(threshold: int) -> None:
    existing = Node()
    assert any(found is existing for found in gc.get_objects())
    tune_garbage_collector()
    later = Node()
    found = gc.get_objects()
    assert not any(one is existing for one in found)
    assert any(one is later for one in found)
    assert gc.get_threshold()[0] > threshold


@pytest.mark.usefixtures("threshold")
def test_garbage_is_freed_before_and_after() -> None:
    before = weakref.ref(Node())
    tune_garbage_collector()
    assert before() is None
    after = weakref.ref(Node())
    gc.collect()
    assert after() is None
