"""Runs of pytest, alembic and `python -c` in rendered projects that need not import their
libraries again.

To import them takes more than half of a short run's time. Everything else is as with `uv run`.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
from functools import cache
from pathlib import Path

SERVER = Path(__file__).with_name("fork_server.py")


class Fork:
    """A run of a program; has what is used of a `subprocess.Popen`."""

    def __init__(self, program: str, conversation: socket.socket, request: object) -> None:
        self.program = program
        self._conversation = conversation
        self._conversation.sendall(json.dumps(request).encode() + b"\n")
        self._answers = conversation.makefile("r", encoding="utf-8")
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises subprocess.TimeoutExpired if it runs longer."""
        if self.returncode is None:
            if not select.select([self._conversation], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.program, timeout or 0)
            self.returncode = int(self._answers.readline())
            self._answers.close()
            self._conversation.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork(
    venv: Path, command: tuple[str, ...], cwd: Path, variables: dict[str, str], log: str
) -> Fork:
    """Run a program of an environment with exactly these variables; it prints to the file `log`."""
    conversation, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_server(venv), [b"\n"], [theirs.fileno()])
    request = {"command": command, "cwd": str(cwd), "variables": variables, "log": log}
    return Fork(command[0], conversation, request)


@cache
def _server(venv: Path) -> socket.socket:
    """Where to ask for forks that have imported an environment's libraries."""
    ours, theirs = socket.socketpair()
    with theirs:
        python = venv / "bin" / "python"
        process = subprocess.Popen([python, SERVER], stdin=theirs.fileno(), start_new_session=True)

    def stop() -> None:
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours
