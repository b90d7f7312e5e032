"""Update a service between the two releases of `test_merging.py`; be killed at a call of git.

The arguments are the number of the call, or 0, and "before" or "after". Prints the number of calls.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from dev.template import update as update_module
from dev.template.git import Repository
from dev.template.update import Change, update
from tests.update.test_merging import RELEASES, render

call, when = int(sys.argv[1]), sys.argv[2]
calls = 0
run = Repository.git


def git(repository: Repository, *arguments: str, **options: Any) -> str:
    global calls  # noqa: PLW0603
    calls += 1
    if calls == call and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    printed = run(repository, *arguments, **options)
    if calls == call:
        os.kill(os.getpid(), signal.SIGKILL)
    return printed


setattr(Repository, "git", git)  # noqa: B010
setattr(update_module, "render", partial(render, RELEASES))  # noqa: B010
update(Repository(Path.cwd()), Change(release="new"))
sys.stdout.write(f"{calls}\n")
