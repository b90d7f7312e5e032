"""Copier as the commands of projects run it: a tool of uv, installed once."""

import atexit
import socket
import subprocess
from pathlib import Path

from uv import find_uv_bin

from tests.harness import copier_client

ROOT = Path(__file__).parents[2]


def install_copier(folder: Path, variables: dict[str, str]) -> None:
    """Install a Copier that starts and renders quickly in a folder for tools.

    Without options: uv ignores a tool that was installed with other options, or for another
    interpreter, than the command that runs it asks for.
    """
    subprocess.run(
        (find_uv_bin(), "tool", "install", "--quiet", "copier"),
        env=variables | {"UV_TOOL_DIR": str(folder), "UV_TOOL_BIN_DIR": str(folder / "bin")},
        check=True,
    )
    command = folder / "copier" / "bin" / "copier"
    python = command.with_name("python")
    command.rename(f"{command}-itself")
    command.write_text(f"#!{python} -IS\n{Path(copier_client.__file__).read_text()}")
    command.chmod(0o755)
    start_server(python, f"{command}.socket")


def start_server(python: Path, address: str) -> None:
    """Start the process that runs Copier until this one ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        number = listener.fileno()
        server = subprocess.Popen(
            (python, "-X", "utf8", "-m", "tests.harness.copier_server", str(number)),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            pass_fds=[number],
            start_new_session=True,
        )
    atexit.register(server.communicate)  # which closes its input
