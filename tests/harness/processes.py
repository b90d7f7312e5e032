"""Processes that belong to a test, however they were started."""

import re
import time
import uuid
from collections.abc import Callable

import psutil

MARK = "TESTS_OF_THE_TEMPLATE"
SERVER = re.compile(r"/bin/postgres |/guard\.py")


class Family:
    """All processes that inherited this family's mark, which is a variable of the environment.

    This also finds processes that have detached themselves from their parent and session.
    """

    def __init__(self) -> None:
        self.variables = {MARK: uuid.uuid4().hex}

    def members(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._owns(process)]

    def commands(self) -> list[str]:
        """The members' command lines, for messages."""
        found = []
        for process in self.members():
            try:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return found

    def servers(self) -> list[str]:
        """The command lines of database servers and of what guards them."""
        return [command for command in self.commands() if SERVER.search(command)]

    def kill(self) -> None:
        for process in self.members():
            process.kill()

    def _owns(self, process: psutil.Process) -> bool:
        try:
            running = process.status() != psutil.STATUS_ZOMBIE
            return running and process.environ().get(MARK) == self.variables[MARK]
        except psutil.Error:
            return False


def eventually(condition: Callable[[], bool], seconds: float = 120) -> bool:
    """Wait until the condition holds; False if it does not within the time, which is enough for
    a machine that is slow and busy."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
