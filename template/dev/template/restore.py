"""Files of a service, as its release renders them."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from dev.template.answers import ANSWERS_FILE, read_release, read_source
from dev.template.git import Repository, TemplateError
from dev.template.merging import parents
from dev.template.rendering import render
from dev.template.update import check_repository


def restore(project: Repository, files: list[str]) -> None:
    """Write these files as the service's release renders them; paths are relative to the service.

    Raises TemplateError, before anything is written, if one is not rendered, has changes that are
    not committed, or is a folder or a link.
    """
    check_repository(project)
    paths = [
        Path(os.path.relpath(project.folder / file, project.folder)).as_posix() for file in files
    ]
    with TemporaryDirectory(prefix="template-") as folder:
        rendered = Path(folder) / "rendered"
        answers = project.folder / ANSWERS_FILE
        render(read_source(project.folder), read_release(project.folder), answers, rendered)
        there = {file.relative_to(rendered).as_posix() for file in rendered.rglob("*")}
        unknown = [path for path in paths if path not in there or (rendered / path).is_dir()]
        if unknown:
            raise TemplateError(
                f"The template does not render {', '.join(unknown)}; paths are relative to "
                f"{project.folder}."
            )
        _check_nothing_is_lost(project, paths)
        for path in paths:
            try:
                (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(rendered / path, project.folder / path)
            except OSError as error:
                raise TemplateError(f"{path} could not be written: {error}") from None


def _check_nothing_is_lost(project: Repository, paths: list[str]) -> None:
    for path in paths:
        for part in (*parents(path), path):
            there = project.folder / part
            if there.is_symlink() or (there.is_dir() and part == path):
                raise TemplateError(
                    f"{part} is a link or a folder, and {path} is a file of the template. Remove "
                    f"it, and commit that: git rm -r {part}"
                )
    changed = [path for path in paths if _has_changes(project, path)]
    if changed:
        raise TemplateError(
            "These files have changes that are not in git, and would lose them. Commit them first:"
            + "".join(f"\n  {path}" for path in changed)
        )


def _has_changes(project: Repository, path: str) -> bool:
    """Whether a file is not as in the last commit, even if git was told to overlook that."""
    if not (project.folder / path).exists():
        return False
    committed = project.git("rev-parse", "--quiet", "--verify", f"HEAD:./{path}", codes=(0, 1, 128))
    return committed != project.git("hash-object", "--", path)
