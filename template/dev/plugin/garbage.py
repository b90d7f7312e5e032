"""Lets the garbage collector pass over what is there before the first test."""

import gc


def pytest_collection_finish() -> None:
    # Modules, classes and collected tests stay until the end. To look at them again and again takes
    # a fifth of a short run's time, most of it at the end, when pytest collects five times.
    gc.freeze()
