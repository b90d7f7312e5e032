"""The first command of README.md in a new home, so with empty caches, and then with full ones.

Run it by `nox -s newcomer`; it fails if that takes longer than promised.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.harness.template import git, snapshot
from tests.repository.readme import run_first

LIMITS = {"empty": 60, "full": 15}  # seconds

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    snapshot(folder / "template")
    slow = False
    for caches, limit in LIMITS.items():
        clone = folder / f"{caches} caches" / "clone"
        git(folder, "clone", "--quiet", "template", str(clone))
        start = time.monotonic()
        output = run_first(clone, HOME=str(folder / "home"))
        seconds = time.monotonic() - start
        slow |= seconds > limit
        print(f"{seconds:.1f} s with {caches} caches, of {limit} s: {output.splitlines()[-1]}")
sys.exit(slow)
