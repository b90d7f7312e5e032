"""A plugin of pytest for `whole_tests`: times tests in rounds, in random order, and prints medians.

The time of a test is that of its whole protocol: setup, call and teardown with all its fixtures,
and pytest's own work.
"""

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Generator, Iterator

import pytest

COMPARED = {
    "an empty test": (
        *("empty", "engine", "app", "client", "db_session"),
        *("api_client", "post_and_get"),
    ),
    "a test without isolation": ("post_and_get_without_isolation", "post_and_get_in_the_sandbox"),
}
"""The tests of which the first is what the others are compared with."""

times: dict[str, list[float]] = defaultdict(list)
"""Of each test: its milliseconds, by rounds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Interleave the tests, so that what slows the machine down slows all of them down. The order
    is random, since a test that follows an expensive one finds the processor's caches cold."""
    random.Random(0).shuffle(items)
    items.sort(key=round_of)


def round_of(item: pytest.Item) -> int:
    # Parametrized tests have it; the type of all tests does not.
    number: int = item.callspec.params["round"]  # type: ignore[attr-defined]
    return number


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    start = time.perf_counter()
    result = yield
    if round_of(item) > 0:  # the first round makes the fixtures of the session
        name, _, _ = item.name.removeprefix("test_").partition("[")
        times[name].append((time.perf_counter() - start) * 1000)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, names in COMPARED.items():
        timed = [name for name in names if name in times]
        if timed:
            terminalreporter.write_line(f"medians, and those of the pairs with {title}:")
            for line in medians_of(*timed):
                terminalreporter.write_line(f"    {line}")


def medians_of(first: str, *others: str) -> Iterator[str]:
    """A line for each test: its median, and what it takes more than the first in the same round."""
    for name in first, *others:
        pairs = list(zip(times[name], times[first], strict=True))
        median = statistics.median(own for own, _ in pairs)
        more = statistics.median(own - other for own, other in pairs)
        ratio = statistics.median(own / other for own, other in pairs)
        yield f"{name}: {median:.2f} ms, {more:+.2f} ms, ratio {ratio:.2f}"
