"""What a service of 50 resources costs: to render, to update, to import, to describe itself.

The control of the first two is what Copier itself takes. It is this repository with one commit on
top, in which every file of the template has the same path and one short line, unlike that of any
other file since git stores equal ones once. The resources are given as data that is ready for
those paths. So both copy the same folders from equally long histories, and what differs is what
this template computes and writes. Pairs, interleaved.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from copier import VcsRef, run_copy

from tests.harness.large_service import RESOURCES, line_of, name_of, resources
from tests.harness.project import Project, render
from tests.harness.service import database, serve
from tests.harness.template import NEXT_RELEASE, commit, git, snapshot
from tests.harness.updates import update

PAIRS = 7
STARTS = 5
QUESTIONS = """
_subdirectory: template
project_name: {type: str, default: My Service}
ci: {type: str, default: github}
license: {type: str, default: none}
models: {type: json, ask: false, default: []}
"""
ANSWERS = "{{ _copier_answers | to_nice_yaml -}}\n"
IMPORT = """
import time
start = time.perf_counter()
from app.main import create_app
imported = time.perf_counter()
app = create_app()
created = time.perf_counter()
app.openapi()
print(imported - start, created - imported, time.perf_counter() - created)
"""

Data = dict[str, object]
Render = Callable[[Path], None]


def empty_bodies(template: Path) -> None:
    """Leave of the template its paths; every file is one line, rendered where the file was."""
    (template / "copier.yml").write_text(QUESTIONS)
    for number, file in enumerate((template / "template").rglob("*")):
        if file.name.startswith("{{ _copier_conf.answers_file"):
            file.write_text(ANSWERS)
        elif file.is_file():
            file.write_text(f"# {number}{' {{ m.name }}' * ('{% yield' in str(file))}\n")
    commit(template, "Empty")
    git(template, "tag", "--force", NEXT_RELEASE)


def ready(count: int) -> list[dict[str, object]]:
    """What the control's paths need to know about the resources."""
    return [
        {"name": name, "plural": f"{name}s", "enums": "enum(" in fields}
        for name, fields in resources(count).items()
    ]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def copied(template: Path, target: Path, data: Data) -> float:
    return seconds(
        lambda: run_copy(
            str(template), target, data=data, defaults=True, quiet=True, vcs_ref=NEXT_RELEASE
        )
    )


def updated(target: Path, data: Data) -> float:
    git(target, "init", "--quiet")
    commit(target, "Render")
    return seconds(lambda: update(Project(target), VcsRef.CURRENT, data))


def report(title: str, pairs: list[tuple[float, float]]) -> None:
    ours, control = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(our / its for our, its in pairs)
    print(f"{title}: {ours:.2f} s, near-empty files {control:.2f} s, ratio {ratio:.2f}", flush=True)


def against_copier(folder: Path) -> None:
    """Print the ratios for a first render and for the update that adds one more resource."""
    template, control = folder / "template", folder / "control"
    snapshot(template)
    snapshot(control)
    empty_bodies(control)
    every: Data = {"resource": "", "resources": resources()}
    one_more: Data = {"resource": line_of(RESOURCES + 1)}
    copies, updates = [], []
    for number in range(PAIRS + 1):
        ours, its = folder / "ours", folder / "its"
        copies.append(
            (copied(template, ours, every), copied(control, its, {"models": ready(RESOURCES)}))
        )
        updates.append(
            (updated(ours, one_more), updated(its, {"models": ready(RESOURCES + 1)})),
        )
        if paths(ours) != paths(its):
            raise AssertionError(f"the control differs: {sorted(paths(ours) ^ paths(its))}")
        if number == 0:  # the first pair also fills caches
            copies, updates = [], []
        shutil.rmtree(ours)
        shutil.rmtree(its)
    report(f"a render of {RESOURCES} resources", copies)
    report(f"an update that adds {name_of(RESOURCES + 1)}", updates)


def paths(project: Path) -> set[str]:
    return set(git(project, "ls-files", "--cached", "--others", "-z").split("\0"))


def starting(folder: Path) -> None:
    """Print how long the service takes until it can serve, and until it has described itself."""
    project = render(
        folder / "template", folder / "large", {"resource": "", "resources": resources()}
    )
    project.run("python", "-c", IMPORT)  # installs, and compiles to bytecode
    starts = [start(project) for _ in range(STARTS)]
    imports, creations, schemas = (statistics.median(times) for times in zip(*starts, strict=True))
    print(
        f"imported in {imports:.2f} s, application created in {creations:.2f} s, "
        f"OpenAPI described in {schemas:.2f} s"
    )
    with database(project) as url, serve(project, url) as client:
        print(f"GET /openapi.json, the first one: {seconds(lambda: get(client)):.2f} s")
        print(f"GET /openapi.json, the second one: {seconds(lambda: get(client)):.2f} s")


def start(project: Project) -> tuple[float, ...]:
    return tuple(float(figure) for figure in project.run("python", "-c", IMPORT).split())


def get(client: httpx.Client) -> None:
    client.get("/openapi.json").raise_for_status()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        against_copier(Path(folder))
        starting(Path(folder))


if __name__ == "__main__":
    main()
