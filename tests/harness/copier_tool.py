"""Copier as the commands of projects run it: a tool of uv, installed once."""

import shutil
import subprocess
from pathlib import Path

from uv import find_uv_bin

from tests.harness import quick_copier


def install_copier(folder: Path, variables: dict[str, str]) -> None:
    """Install a Copier that renders quickly in a folder for tools.

    Without options: uv ignores a tool that was installed with other options, or for another
    interpreter, than the command that runs it asks for.
    """
    subprocess.run(
        (find_uv_bin(), "tool", "install", "--quiet", "copier"),
        env=variables | {"UV_TOOL_DIR": str(folder), "UV_TOOL_BIN_DIR": str(folder / "bin")},
        check=True,
    )
    [packages] = folder.glob("copier/lib/*/site-packages")
    shutil.copy(quick_copier.__file__, packages / "sitecustomize.py")
