"""Lets the garbage collector pass over what is there before the first test."""

import gc

import pytest

# Imports and collected tests leave hardly any garbage: to look for it takes 4 % of a run's time.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    # Modules, classes and collected tests stay until the end. To look at them again and again takes
    # a fifth of a short run's time, most of it at the end, when pytest collects five times.
    gc.freeze()
    gc.enable()
