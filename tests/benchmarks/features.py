"""What a test takes with all features on, and without one."""

import shutil
import tempfile
from pathlib import Path

from tests.harness.answers import FEATURES
from tests.harness.project import render
from tests.harness.template import snapshot

OVERLAY = Path(__file__).parent / "overlay"
FILES = ("feature_cost.py", "stopwatch.py")
OPTIONS = ("--capture=no", "--quiet", "-p", "no:randomly", "-p", "tests.stopwatch")
SETS: dict[str, list[str]] = {
    "none": [],
    "all": FEATURES,
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        snapshot(Path(folder, "template"))
        for name, features in SETS.items():
            answers: dict[str, object] = {"features": features}
            project = render(Path(folder, "template"), Path(folder, name), answers)
            for file in FILES:
                shutil.copy(OVERLAY / file, project.path / "tests")
            for _ in range(2):
                output = project.run("pytest", "tests/feature_cost.py", *OPTIONS)
                print(f"with features: {name}\n{output}", flush=True)


if __name__ == "__main__":
    main()
