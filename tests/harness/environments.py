"""Virtual environments that begin as a copy of another one."""

import os
import shutil
from pathlib import Path

NOT_SHARED = (".lock", "mypy")
"""The beginnings of the names of what each environment has for itself: uv's lock, mypy's caches."""


def copy_environment(original: Path, target: Path) -> None:
    """Give a project the packages of another one's environment, and what Python has compiled.

    To install and compile them takes several times as long. Files are links, which uv and Python
    replace rather than change. The original project is still installed: the next `uv run` installs
    the one that this environment is for.
    """

    def left_out(folder: str, names: list[str]) -> set[str]:
        if Path(folder) == original:
            return {name for name in names if name.startswith(NOT_SHARED)}
        return {name for name in names if ".pyc." in name}  # Python is just writing it

    shutil.copytree(original, target, symlinks=True, copy_function=os.link, ignore=left_out)
    for script in (target / "bin").iterdir():
        _rewrite(script, str(original).encode(), str(target).encode())


def _rewrite(script: Path, old: bytes, new: bytes) -> None:
    """Let a script start the interpreter of its own environment."""
    if script.is_symlink() or old not in (text := script.read_bytes()):
        return
    mode = script.stat().st_mode
    script.unlink()
    script.write_bytes(text.replace(old, new))
    script.chmod(mode)
