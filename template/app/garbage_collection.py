"""Settings of Python's garbage collector for a service in production."""

import gc

THRESHOLD = 5_000
"""New objects are examined when this many more were created than freed. Python's own threshold is
700, and 2,000 from Python 3.13 on."""


def tune_garbage_collector() -> None:
    """Exclude all objects that exist now, which the service needs until it stops: modules, models
    and routes. Examining them takes 50 ms or more, during which all requests wait.

    Call it once, when the service has started. It examines all objects a last time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)
