"""Which test is running.

A fixture that asks for it here needs no argument `request`, which pytest makes anew for each
fixture that takes it, in every test, even if the fixture is made once.
"""

from collections.abc import Generator

import pytest

_running: list[pytest.Item] = []  # the last one; others are running it, as tests of plugins do


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.pop()


def running_test() -> pytest.Item:
    """The test that is being set up, called or torn down."""
    return _running[-1]
