"""The Python interpreters of this machine that the template promises to support."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.harness.project import UV, environment
from tests.harness.thorough import THOROUGH

OLDEST = (3, 11)


def versions() -> list[str]:
    """The minor versions of these interpreters. Without THOROUGH=1 only that of this one, since it
    costs each worker a second to list them."""
    return [*interpreters()] if THOROUGH else [f"{sys.version_info.major}.{sys.version_info.minor}"]


@cache
def interpreters() -> dict[str, str]:
    """The path of one interpreter per minor version, the newest first: uv's own, those on PATH and
    pyenv's."""
    variables = environment()
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    bins = [str(directory) for directory in sorted(pyenv.glob("versions/*/bin"))]
    variables["PATH"] = os.pathsep.join([*bins, variables["PATH"]])
    command = (UV, "python", "list", "--only-installed", "--output-format", "json")
    listing = subprocess.run(command, env=variables, check=True, capture_output=True).stdout
    found: dict[tuple[int, int], str] = {}
    for python in json.loads(listing):
        version = python["version_parts"]["major"], python["version_parts"]["minor"]
        released = re.fullmatch(r"[\d.]+", python["version"])
        standard = python["implementation"] == "cpython" and python["variant"] == "default"
        if version >= OLDEST and released and standard:
            found.setdefault(version, python["path"])
    return {
        f"{major}.{minor}": path for (major, minor), path in sorted(found.items(), reverse=True)
    }
