"""The commands of a document, run as its reader would."""

import re
from pathlib import Path

from tests.harness.project import Project, environment_with_uv, run

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.com"))
}


def compiled_environment(project: Project) -> dict[str, str]:
    """What lets commands install a service into the environment of this project, in which the
    packages are compiled already: to compile them takes longer than most commands."""
    return project.variables() | {"UV_PROJECT_ENVIRONMENT": str(project.venv)}


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def section(document: str, heading: str) -> str:
    return document.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def run_commands(document: str, directory: Path, **variables: str) -> str:
    """Run the document's blocks of shell commands, one after another, and return what they print.

    Raises CommandError if one fails.
    """
    script = "\n".join(blocks(document, "sh"))
    return run(
        *("bash", "-eux", "-c", script),
        cwd=directory,
        variables=environment_with_uv(**IDENTITY, **variables),
    )
