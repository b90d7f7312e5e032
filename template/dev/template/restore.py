"""Files of a service, as its release renders them."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from dev.template.answers import ANSWERS_FILE, read_release, read_source
from dev.template.git import Repository, TemplateError
from dev.template.rendering import render


def restore(project: Repository, files: list[str]) -> None:
    """Write these files as the service's release renders them; paths are relative to the service.

    Raises TemplateError, before anything is written, if one is not rendered or has changes that are
    not committed.
    """
    changes = project.git("status", "--porcelain", "--ignored", "--", *files)
    if changes:
        raise TemplateError(
            "These files have changes that are not in git, and would lose them. Commit them first:"
            f"\n{changes.rstrip()}"
        )
    with TemporaryDirectory(prefix="template-") as folder:
        rendered = Path(folder) / "rendered"
        answers = project.folder / ANSWERS_FILE
        render(read_source(project.folder), read_release(project.folder), answers, rendered)
        unknown = [file for file in files if not (rendered / file).is_file()]
        if unknown:
            raise TemplateError(f"The template does not render {', '.join(unknown)}.")
        for file in files:
            (project.folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(rendered / file, project.folder / file)
