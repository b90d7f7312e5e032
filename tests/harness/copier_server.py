"""Runs Copier in forks of a process that has imported the libraries that Copier needs.

`python -m tests.harness.copier_server NUMBER`, with the interpreter of Copier's environment and a
socket of this number, to which `copier_client.py` connects. It ends when its standard input does.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.harness import quick_copier

LIBRARIES = (
    "jinja2.sandbox", "pathspec", "platformdirs", "pydantic.dataclasses", "pygments", "questionary",
    "unittest.mock", "yaml",
)  # fmt: skip
"""Not Copier itself, which imports plumbum: that reads the environment and the current folder."""

COMPILED = Path(sys.prefix, "compiled.marshal")
POLL_INTERVAL = 0.005


def supervise(conversation: socket.socket) -> None:
    """Run Copier as the client would: with its environment, folder and files.

    Sends the exit code; kills Copier if the client has ended.
    """
    files = socket.recv_fds(conversation, 1, 3)[1]
    request = json.loads(conversation.makefile(encoding="utf-8").readline())
    if (pid := os.fork()) == 0:
        conversation.close()
        run(files, **request)
    for file in files:
        os.close(file)
    os.setpgid(pid, pid)
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if select.select([conversation], [], [], POLL_INTERVAL)[0]:
            os.killpg(pid, signal.SIGKILL)
            return
    with suppress(BrokenPipeError):
        conversation.sendall(f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())


def run(
    files: list[int], command: list[str], folder: str, variables: dict[str, str], umask: int
) -> None:
    """Run a command, whose program is a script in Python; exits this process."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.umask(umask)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    tempfile.tempdir = None  # it comes from the environment
    quick_copier.share_compiled(COMPILED)
    quick_copier.render_quickly()
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")
    sys.exit()


def main(listener: socket.socket) -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets who has ended
    while listener in select.select([sys.stdin, listener], [], [])[0]:
        conversation, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            supervise(conversation)
            return
        conversation.close()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
