"""Copier, which renders the release that the service has and the one it is to get.

uv runs it, in a separate environment.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.template.answers import ANSWERS_FILE
from dev.template.git import TemplateError, UnreachableError, neutral_environment

COPIER = "copier>=9.19"
WRITTEN_ONCE = ("/README.md", "/migrations/versions/*", "/tests/conftest.py")
"""What the template writes only when a service is made: the user's own from then on."""

WRITE_ADDRESS = (
    f"Write its address, a URL or an absolute path, as _src_path into {ANSWERS_FILE}, and commit."
)

COMMAND_OF_COPIER = "Command line: "
"""What Copier prints above the errors of a command that it has run, such as git."""

Changes = Mapping[str, object]
"""Answers by question."""

NO_CHANGES: Changes = {}


def render(
    source: str,
    release: str | None,
    answers: Path,
    target: Path,
    changes: Changes = NO_CHANGES,
    excluded: Sequence[str] = WRITTEN_ONCE,
) -> None:
    """Render a release, or the newest one, with the answers of a file and these changes, without
    the files that are excluded.

    Raises TemplateError if Copier fails.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise TemplateError("uv is not on the PATH; it is needed to run Copier.")
    options = ["--quiet", "--defaults", "--skip-tasks", "--data-file", str(answers)]
    for pattern in excluded:
        options += ["--exclude", pattern]
    for question, answer in changes.items():
        text = answer if isinstance(answer, str) else json.dumps(answer)
        options += ["--data", f"{question}={text}"]
    if release is not None:
        options += ["--vcs-ref", release]
    copier = (uv, "tool", "run", "--from", COPIER, "copier", "copy", *options, source, str(target))
    # Copier keeps a mirror of each template, and no two processes must refresh one at once.
    with tempfile.TemporaryDirectory(prefix="mirror-", ignore_cleanup_errors=True) as mirrors:
        run = subprocess.run(  # noqa: S603
            copier,
            env=neutral_environment() | {"COPIER_CACHE_DIR": mirrors},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if run.returncode != 0:
        raise _explain(run.stderr, source)


@contextmanager
def of_the_service() -> Iterator[None]:
    """Say what to do if the template refuses the resources that the service already has."""
    try:
        yield
    except TemplateError as error:
        if not str(error).startswith(("Resource '", "Field '")):
            raise
        raise TemplateError(
            f"The answers in {ANSWERS_FILE} contradict each other, as after a merge of branches, "
            f"so that no command can change them. {error}\nTake the merge back, make the change "
            "on one of the branches, and merge again: uv run template docs updating"
        ) from None


def _explain(stderr: str, source: str) -> TemplateError:
    """Why Copier failed, in one sentence from the template, from git, from Copier or from uv."""
    lines = [line.strip(" |") for line in stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else "it printed no error message"
    invalid = re.search(r"Validation error for question '\w+': (.*)|(Invalid choice for .*)", last)
    if invalid:
        return TemplateError(invalid[1] or invalid[2])
    if any(line.startswith("yaml.") for line in lines):
        return TemplateError(f"{ANSWERS_FILE} is not valid YAML: {last}")
    failed = next((line for line in lines if line.startswith("error: ")), None)
    if failed is not None and COMMAND_OF_COPIER not in stderr:
        text = f"uv cannot run {COPIER}; the first time, it needs the network: {failed}"
        return UnreachableError(text)
    unknown = re.search(r"Unknown revision: '(.*)'", last)
    if unknown:
        text = f"The template at {source} has no release '{unknown[1]}'."
        # Such as the service itself: it is searched for from where the command runs.
        is_relative = not Path(source).is_absolute() and Path(source).is_dir()
        return UnreachableError(f"{text} {WRITE_ADDRESS}" if is_relative else text)
    if "Local template must be a directory" in last:
        return UnreachableError(f"There is no template at {source}. {WRITE_ADDRESS}")
    fatal = next((line for line in lines if line.startswith("fatal: ")), failed or last)
    return UnreachableError(f"The update from the template at {source} failed: {fatal}")
