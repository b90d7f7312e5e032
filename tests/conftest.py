"""Renders the template once per set of answers, for all tests and workers of a run."""

import gc
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.answers import ANSWERS
from tests.harness.memory import keep_temporary_files_in_memory
from tests.harness.project import Copy, Project, render
from tests.harness.pythons import interpreters
from tests.harness.quick_copier import render_quickly
from tests.harness.shared import once, share_folder, shared_folder
from tests.harness.template import git, snapshot
from tests.harness.thorough import THOROUGH

# Laid over rendered projects, and run there.
collect_ignore_glob = ["*/overlay"]

# These take longest, so they run first: at the end, the other workers would wait for them.
LONGEST = (
    "tests/delivery/test_workflows.py",
    "tests/docs/test_recipes.py",
    "tests/features/test_documents.py",
    "tests/features/test_suites.py",
    "tests/project/test_suite.py",
)


def pytest_configure(config: pytest.Config) -> None:
    keep_temporary_files_in_memory(config)
    share_folder(config)
    render_quickly()
    # A shell starts background jobs with Ctrl-C ignored, and the tests' processes would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not THOROUGH:
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    gc.freeze()  # as template/dev/plugin/garbage.py


@pytest.fixture(scope="session")
def shared() -> Path:
    # People have folders with spaces in their names.
    folder = shared_folder() / "in a folder"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def template(shared: Path) -> Path:
    """The template, with the work that is not committed, as the next release."""
    return once(shared / "template", snapshot)


@pytest.fixture(scope="session")
def rendered(shared: Path, template: Path) -> Callable[[str], Project]:
    """A project for a set of answers. Tests may run it but must not change it.

    All run in the environment of the default one, which alone is installed: they have the same
    dependencies, and compiling these takes longer than most tests.
    """

    def build(target: Path) -> None:
        project = render(template, target, ANSWERS[target.name])
        if target.name == "default":
            project.install().pytest("--collect-only", "--quiet")  # compiles what all import
        else:
            project.borrow_bytecode(rendered("default"))

    def rendered(name: str) -> Project:
        default = once(shared / "default", build)
        return Project(once(shared / name, build), default / ".venv")

    return rendered


@pytest.fixture(scope="session", params=list(ANSWERS))
def project(request: pytest.FixtureRequest, rendered: Callable[[str], Project]) -> Project:
    """The project of every set of answers in turn."""
    return rendered(request.param)


@pytest.fixture(scope="session")
def environment_of(shared: Path, default_project: Project) -> Callable[[str], Path]:
    """The environment of a minor version of Python, for projects to borrow."""

    def build(target: Path) -> None:
        git(shared, "clone", "--quiet", str(default_project.path), str(target))
        Project(target).run("true", UV_PYTHON=interpreters()[target.name])

    return lambda version: once(shared / version, build) / ".venv"


@pytest.fixture(scope="session")
def default_project(rendered: Callable[[str], Project]) -> Project:
    return rendered("default")


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy of a project, for a test to change; it runs in the original's environment."""

    def copy(project: Project) -> Project:
        target = tmp_path / "a copy"
        git(tmp_path, "clone", "--quiet", str(project.path), str(target))
        return Project(target, project.venv).borrow_bytecode(project)

    return copy


@pytest.fixture
def own_project(default_project: Project, copy: Copy) -> Project:
    """A copy of the default project, for a test to change."""
    return copy(default_project)
