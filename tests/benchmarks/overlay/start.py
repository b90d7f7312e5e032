"""What the database adds to a run of one test: starting, cloning, connecting, stopping.

Whole runs, interleaved; what the same run takes to collect its tests is subtracted.
"""

import os
import statistics
import subprocess
import sys
import time

ONE_TEST = ("tests/api/test_health.py", "-k", "ready_is_200")
WAYS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "collecting alone": (("--collect-only",), {}),
    "warm": ((), {"CI": ""}),
    "cold (migrations run)": ((), {"CI": "true"}),
}


def test_the_database_side_of_a_run() -> None:
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(7):
        for way, (options, variables) in WAYS.items():
            start = time.perf_counter()
            command = (sys.executable, "-m", "pytest", "--quiet", *ONE_TEST, *options)
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, env=os.environ | variables
            )
            seconds[way].append(time.perf_counter() - start)
    alone, warm, cold = map(statistics.median, seconds.values())
    print(f"\nthe whole database side: warm {warm - alone:.2f} s, cold {cold - alone:.2f} s")
