"""The documents of the template, as of the release that a service has."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from dev.template.answers import read_release, read_source
from dev.template.git import Repository, TemplateError, UnreachableError

FORGES = {"gh": "https://github.com/", "gl": "https://gitlab.com/"}
"""What Copier lets an address begin with, for short."""


def read_document(project: Repository, name: str) -> str:
    """The text of a document, such as `errors` or `recipes/uploads`; takes seconds over a network.

    Raises TemplateError if there is none of this name, or if the template cannot be read.
    """
    release = read_release(project.folder)
    with TemporaryDirectory(prefix="template-") as folder:
        _clone(project, read_source(project.folder), folder)
        clone = Repository(Path(folder))
        paths = clone.paths("ls-tree", "-r", "-z", "--name-only", release, "docs/")
        names = [path[len("docs/") : -len(".md")] for path in paths if path.endswith(".md")]
        if name not in names:
            raise TemplateError(
                f"There is no document '{name}'; the documents are: {', '.join(names)}."
            )
        return clone.git("cat-file", "blob", f"{release}:docs/{name}.md")


def _clone(project: Repository, source: str, folder: str) -> None:
    """Clone the template without its files: git reads those that are asked for."""
    address = re.sub(r"^(gh|gl):/?", lambda found: FORGES[found[1]], source.removeprefix("git+"))
    try:
        project.git("clone", "--quiet", "--bare", "--filter=blob:none", address, folder)
    except TemplateError as error:
        raise UnreachableError(str(error)) from None
