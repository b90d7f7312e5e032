"""A resource gets another name, in what the template rendered and in what the user wrote."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from dev.template.merging import Merge, Scratch

ROUTERS = ("router", "nested_router")
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Renaming:
    """The name of a resource and its plural, which is its table and its path, then and now."""

    name: str
    plural: str
    new_name: str
    new_plural: str

    def path(self, path: str) -> str:
        """Where a file is afterwards."""
        for before, after in (
            (f"app/resources/{self.name}/", f"app/resources/{self.new_name}/"),
            (f"tests/factories/{self.name}.py", f"tests/factories/{self.new_name}.py"),
            (f"tests/api/test_{self.plural}.py", f"tests/api/test_{self.new_plural}.py"),
        ):
            if path.startswith(before):
                return path.replace(before, after, 1)
        return path


class Renamer:
    """Renames a resource in trees of files.

    The two renders of its own modules tell what else is named after it: classes, functions,
    constraints. The name by itself may be an ordinary word, so it is replaced only in imports,
    paths and keys; `leftovers` lists the rest.
    """

    def __init__(self, scratch: Scratch, name: str, new_name: str, old: str, new: str) -> None:
        self.scratch = scratch
        self.repository = repository = scratch.repository
        self.old, self.new = old, new
        self.renaming = renaming = Renaming(
            name, self._plural(old, name), new_name, self._plural(new, new_name)
        )
        words = {f"{renaming.name}_{router}": f"{renaming.new_name}_{router}" for router in ROUTERS}
        rendered = repository.files(new)
        for path, blob in repository.files(old).items():
            after = rendered.get(renaming.path(path))
            if after is not None and renaming.path(path) != path:
                words |= _differing_words(repository.lines(blob), repository.lines(after))
        mentions = [name, renaming.plural, *words]
        for ordinary in (renaming.name, renaming.plural, *self._references(new, name)):
            words.pop(ordinary, None)
        self.words = words
        self._word = re.compile(rf"\b({'|'.join(words)})\b")
        self._module = re.compile(rf"\b((?:resources|factories)[./]){name}\b")
        path = renaming.plural.replace("_", "-")
        self._path = re.compile("(?<=/)" + path + "(?=[\"'/?{])")
        # As its migration does. The names of checks begin with that of the table by themselves.
        self._index = re.compile(
            rf"""((?:\b(?:ex|fk|ix|pk|uq|ux)_|\bIndex\(\s*["'])(?:\w+_)?){renaming.plural}(?=_|\b)"""
        )
        self._key = re.compile(rf"(?<=[\"']){renaming.plural}(?=\.)")
        self._mention = re.compile(rf"\b({'|'.join(mentions)})\b")

    def renamed(self) -> tuple[str, str, str]:
        """What to merge: a commit of the old render, the new one, and the tree of the service."""
        old = self.repository.git("commit-tree", self._rename(self.old), "-m", "old").strip()
        return old, self.new, self._rename(self.scratch.before)

    def leftovers(self, merge: Merge) -> list[str]:
        """Lines of the user's that still have the old name."""
        rendered = self.repository.files(merge.new)
        found = []
        for path, blob in self.repository.files(merge.commit).items():
            if rendered.get(path) == blob or not path.startswith(("app/", "tests/")):
                continue
            generated = set(self.repository.lines(rendered[path])) if path in rendered else set()
            for number, line in enumerate(self.repository.lines(blob), start=1):
                if self._mention.search(line) and line not in generated:
                    found.append(f"{path}:{number}: {line.strip()}")
        return found

    def _plural(self, commit: str, name: str) -> str:
        """The plural of a resource, as its model has it."""
        models = self.repository.git("cat-file", "blob", f"{commit}:app/resources/{name}/models.py")
        found = re.search(r'^    __tablename__ = "(\w+)"', models, re.MULTILINE)
        assert found is not None
        return found[1]

    def _references(self, commit: str, name: str) -> list[str]:
        """The column of other resources' references that have the old name, and keep it. That of
        the resource's own pairs has the same name, and does not."""
        models = (
            self.repository.lines(blob)
            for path, blob in self.repository.files(commit).items()
            if path.startswith("app/resources/") and path.endswith("/models.py")
        )
        begin = f"    {name}_id: "
        return [f"{name}_id" for lines in models if any(one.startswith(begin) for one in lines)]

    def _rename(self, tree: str) -> str:
        """The same tree with the new name."""
        files, modes = self.repository.files(tree), self.repository.modes(tree)
        renamed = {path: self._rename_content(path, blob) for path, blob in files.items()}
        return self.scratch.write_tree(
            {self.renaming.path(path): blob for path, blob in renamed.items()},
            {self.renaming.path(path): mode for path, mode in modes.items()},
        )

    def _rename_content(self, path: str, blob: str) -> str:
        if not (path.startswith(("app/", "tests/")) and path.endswith(".py")):
            return blob
        before = self.repository.git("cat-file", "blob", blob)
        its_own = self.renaming.path(path) != path
        if not (its_own or self._module.search(before) or self._path.search(before)):
            return blob
        after = self._word.sub(lambda match: self.words[match[0]], before)
        after = self._module.sub(rf"\g<1>{self.renaming.new_name}", after)
        after = self._path.sub(self.renaming.new_plural.replace("_", "-"), after)
        after = self._key.sub(self.renaming.new_plural, after)
        if its_own:
            after = self._index.sub(rf"\g<1>{self.renaming.new_plural}", after)
        if after == before:
            return blob
        return self.repository.git("hash-object", "-w", "--stdin", text=after).strip()


def _differing_words(before: Iterable[str], after: Iterable[str]) -> dict[str, str]:
    """The words of a text that are others in a second one, where these stand for them."""
    old, new = (WORD.findall("\n".join(lines)) for lines in (before, after))
    found: dict[str, str] = {}
    ambiguous = set()
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "replace" or i2 - i1 != j2 - j1:
            continue
        for one, other in zip(old[i1:i2], new[j1:j2], strict=True):
            if found.setdefault(one, other) != other:
                ambiguous.add(one)
    return {one: other for one, other in found.items() if one not in ambiguous}
