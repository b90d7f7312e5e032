"""Run the benchmarks in a rendered project: `python -m tests.benchmarks`, or `nox -s bench`."""

import shutil
import tempfile
from pathlib import Path

from tests.harness.project import render
from tests.harness.template import snapshot

BENCHMARKS = Path(__file__).parent

with tempfile.TemporaryDirectory() as folder:
    snapshot(Path(folder, "template"))
    project = render(Path(folder, "template"), Path(folder, "project"), {})
    for benchmark in sorted(BENCHMARKS.glob("[!_]*.py")):
        shutil.copy(benchmark, project.path / "tests")
        output = project.run("pytest", f"tests/{benchmark.name}", "--capture=no", "--quiet")
        print(f"{benchmark.stem}\n{output}")
