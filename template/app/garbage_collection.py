"""What Python's garbage collector does for a service that runs for long."""

import gc

THRESHOLD = 5_000
"""How many more objects must have been created than freed before those of late are looked through:
those of several requests, rather than of each one."""


def tune_garbage_collector() -> None:
    """Leave out all objects that there are, which the service needs until it ends: its classes,
    models and routes. To look through them takes 50 ms and more, in which all requests would wait.

    Call it when the service has started; it looks through all objects once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)
