"""Every check of this repository by name: `uv run nox --list`."""

import re
from pathlib import Path

import nox

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "tests"]

ONLY_THERE = re.compile(r"tests\.harness\.thorough|mark\.thorough")
"""What a module has of which `thorough` runs more than `tests`."""

PROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, group: str) -> None:
    session.install(*nox.project.dependency_groups(PROJECT, group))


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types of this repository's own Python; for the template's, see tests/project."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Render projects and try all that they promise; arguments go to pytest."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def update(session: nox.Session) -> None:
    """Updates from every release, and all random sequences of them over a user's work."""
    install(session, "test")
    session.run("pytest", "tests/update", *session.posargs, env={"SEEDS": "20", "THOROUGH": "1"})


@nox.session
def thorough(session: nox.Session) -> None:
    """Suites, pipelines and updates in every way, order, Python...: what the tests try a few of."""
    install(session, "test")
    tests = Path("tests").rglob("test_*.py")
    suites = [str(path) for path in sorted(tests) if ONLY_THERE.search(path.read_text())]
    session.run("pytest", *suites, *session.posargs, env={"THOROUGH": "1"})


@nox.session
def docs(session: nox.Session) -> None:
    """Follow the documents to the letter."""
    install(session, "test")
    session.run("pytest", "tests/docs", "tests/repository", env={"THOROUGH": "1"})


@nox.session
def pictures(session: nox.Session) -> None:
    """Make the pictures of the documents again."""
    install(session, "test")
    session.run("python", "-m", "tests.docs.pictures", env={"PYTHONPATH": "template"})


@nox.session
def bench(session: nox.Session) -> None:
    """Print what must stay cheap; no time fails. -- whole_tests chooses a benchmark."""
    install(session, "test")
    # As pytest does by its settings; the harness of updates imports the template's `dev`.
    session.run(
        *("python", "-m", "tests.benchmarks"), *session.posargs, env={"PYTHONPATH": "template"}
    )


@nox.session
def load(session: nox.Session) -> None:
    """Print requests a second beside those of other services; -- compare or -- where for a part."""
    install(session, "test")
    session.run("python", "-m", "tests.benchmarks.load", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Small mistakes in a service, of which its tests have to notice 95 %; -- 100 for fewer."""
    install(session, "test")
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Services of random resources; -- 50 says how many."""
    install(session, "test")
    number = session.posargs[0] if session.posargs else "20"
    session.run(
        *("pytest", "tests/grammar/test_fuzz.py"), env={"EXAMPLES": number, "THOROUGH": "1"}
    )


@nox.session
def programs(session: nox.Session) -> None:
    """Random programs in the sandbox and on real connections; -- 50 says how many."""
    install(session, "test")
    number = session.posargs[0] if session.posargs else "10000"
    session.run(
        *("pytest", "-s", "--numprocesses=0", "tests/isolation/test_programs.py"),
        env={"PROGRAMS": number},
    )


@nox.session
def soak(session: nox.Session) -> None:
    """Thousands of hostile tests in one process: nothing leaks, nothing grows."""
    install(session, "test")
    session.run("pytest", "-s", "--numprocesses=0", "tests/isolation/soak.py")


@nox.session
def scale(session: nox.Session) -> None:
    """The more than a thousand tests of a service of fifty resources."""
    install(session, "test")
    session.run("pytest", "--numprocesses=0", "tests/project/large_suite.py")


@nox.session
def newcomer(session: nox.Session) -> None:
    """The first command of README.md as a new user, with empty caches and then with full ones."""
    install(session, "test")
    session.run("python", "-m", "tests.repository.newcomer")


@nox.session
@nox.parametrize(
    "dependencies", ["newest", "lowest", "prerelease"], ids=["newest", "lowest", "prerelease"]
)
def smoke(session: nox.Session, dependencies: str) -> None:
    """Render every set of answers and run its tests with the dependencies that users may get."""
    install(session, "test")
    session.run(
        *("pytest", "tests/delivery/dependency_checks.py"), env={"DEPENDENCIES": dependencies}
    )
    if dependencies == "newest":
        # Each feature, every pair, and all of them: in the sandbox, with real commits, by workers.
        session.run("pytest", "tests/features/test_suites.py", env={"THOROUGH": "1"})


@nox.session
def image(session: nox.Session) -> None:
    """Build images of a service and run them; -- BASE=... UV=... for images of this machine."""
    install(session, "test")
    arguments = " ".join(session.posargs)
    session.run(
        *("pytest", "-s", "-x", "tests/delivery/image_checks.py"),
        env={"BUILD_ARGUMENTS": arguments},
    )
