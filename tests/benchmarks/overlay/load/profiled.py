"""Serves the application and prints whose code took the time, without that of its callees.

Python's profiler makes all slower, functions in Python more than those in C.
"""

import cProfile
import os
import pstats
import re
import sys
from collections import Counter
from pathlib import Path

import uvicorn

from app.main import create_app

WAITING = ("run_until_complete", "select.epoll", "runners.py")


def package(file: str, function: str) -> str:
    """The package of a function; "python" for the interpreter and its standard library."""
    if "site-packages" in file:
        return file.partition("site-packages/")[2].partition("/")[0]
    if file.startswith(str(Path.cwd())):
        return file.removeprefix(str(Path.cwd())).split("/")[1]
    of = re.search(r"(\w+)\.[\w.]+", function)
    return of[1] if file == "~" and of and of[1] not in sys.builtin_module_names else "python"


profile = cProfile.Profile()
profile.enable()
uvicorn.run(create_app(), port=0, access_log=False)
profile.disable()
found: Counter[str] = Counter()
for entry in profile.getstats():
    code = entry.code
    file, function = ("~", code) if isinstance(code, str) else (code.co_filename, code.co_name)
    if not any(name in f"{file} {function}" for name in WAITING):
        found[package(file, function)] += entry.inlinetime
total = sum(found.values())
for name, seconds in found.most_common(12):
    print(f"SHARE {name} {seconds / total:.3f}")
if os.environ.get("FUNCTIONS"):
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)
