"""Run the benchmarks, or those that are named: `python -m tests.benchmarks whole_tests scale`.

Those in `overlay/` run in a rendered project.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Container
from pathlib import Path

from tests.benchmarks import features, realtime, scale
from tests.harness.project import render
from tests.harness.template import snapshot

OVERLAY = Path(__file__).parent / "overlay"
INSIDE: dict[str, tuple[str, ...]] = {
    "isolation": (),
    "list_cost": (),
    "start": (),
    "whole_tests": ("-p", "no:randomly", "-p", "tests.stopwatch"),
}
"""The benchmarks in `overlay/`, with the options of pytest that they need."""

OTHERS: dict[str, Callable[[], None]] = {
    "features": features.main,
    "realtime": realtime.main,
    "scale": scale.main,
}


def run_inside(chosen: Container[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        snapshot(Path(folder, "template"))
        project = render(Path(folder, "template"), Path(folder, "project"), {})
        shutil.copytree(OVERLAY, project.path / "tests", dirs_exist_ok=True)
        for name, options in INSIDE.items():
            if name in chosen:
                command = ("pytest", f"tests/{name}.py", "--capture=no", "--quiet", *options)
                print(f"{name}\n{project.run(*command)}", flush=True)


if __name__ == "__main__":
    chosen = sys.argv[1:] or [*INSIDE, *OTHERS]
    run_inside(chosen)
    for name, main in OTHERS.items():
        if name in chosen:
            print(name, flush=True)
            main()
