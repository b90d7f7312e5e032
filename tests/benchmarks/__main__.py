"""Run the benchmarks: `python -m tests.benchmarks`, or `nox -s bench`.

Those in `overlay/` run in a rendered project.
"""

import shutil
import tempfile
from pathlib import Path

from tests.benchmarks import scale
from tests.harness.project import render
from tests.harness.template import snapshot

OVERLAY = Path(__file__).parent / "overlay"

with tempfile.TemporaryDirectory() as folder:
    snapshot(Path(folder, "template"))
    project = render(Path(folder, "template"), Path(folder, "project"), {})
    for benchmark in sorted(OVERLAY.glob("*.py")):
        shutil.copy(benchmark, project.path / "tests")
        output = project.run("pytest", f"tests/{benchmark.name}", "--capture=no", "--quiet")
        print(f"{benchmark.stem}\n{output}")
print("scale", flush=True)
scale.main()
