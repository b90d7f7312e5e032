"""Runs Python in forks of a process that has imported the libraries of a service: pytest, alembic,
and `python -c`.

`python fork_server.py`, run with the interpreter of a project's environment. It gets a socket for
each run over its standard input, reads the request there, a line of JSON, and answers with two
lines: the process id, and the exit code when the run has ended. It ends when its input does.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

# Not pytest-randomly, which chooses its seed when it is imported.
LIBRARIES = (
    "alembic.command", "anyio._backends._asyncio", "anyio.pytest_plugin", "asgi_lifespan",
    "asyncpg", "factory.alchemy", "faker.contrib.pytest.plugin", "fastapi", "httpx", "pdb",
    "pydantic.v1", "pydantic_settings", "pytest", "pytest_asyncio.plugin", "pytest_cov.plugin",
    "pytest_split.plugin", "respx.plugin", "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.ext.asyncio", "structlog", "time_machine", "xdist.plugin",
)  # fmt: skip


def import_libraries() -> None:
    builtin = importlib.import_module("_pytest.config").default_plugins
    for name in (*LIBRARIES, *(f"_pytest.{plugin}" for plugin in builtin)):
        module = importlib.import_module(name)
        # pytest warns of plugins that were imported before it could rewrite their assertions.
        sys.modules[name.partition(".")[0]].__doc__ = f"{module.__doc__}\n\nPYTEST_DONT_REWRITE"
    importlib.import_module("faker").Faker()  # which imports its providers
    gc.freeze()


def supervise(conversation: socket.socket) -> None:
    """Start the run that is requested, and report how it ends."""
    lines = conversation.makefile("rw", encoding="utf-8")
    request = json.loads(lines.readline())
    if (pid := os.fork()) == 0:
        lines.close()
        conversation.close()
        run(**request)
    print(pid, file=lines, flush=True)
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), file=lines, flush=True)


def run(command: list[str], cwd: str, variables: dict[str, str], log: str) -> None:
    """Run it as `uv run` does, in a session of its own; exits this process."""
    os.setsid()
    os.chdir(cwd)
    programs = Path(sys.executable).parent
    os.environ.clear()
    os.environ.update(variables)
    os.environ["PATH"] = f"{programs}{os.pathsep}{variables['PATH']}"
    os.environ["VIRTUAL_ENV"] = str(programs.parent)
    tempfile.tempdir = None  # it comes from the environment
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 1)
    os.dup2(1, 2)
    if command[0] == "python":
        code, *arguments = command[2:]  # after -c
        sys.argv = ["-c", *arguments]
        sys.path[0] = ""
        exec(code, {"__name__": "__main__"})
        sys.exit()
    sys.argv = [str(programs / command[0]), *command[1:]]
    sys.path[0] = str(programs)
    (program,) = entry_points(group="console_scripts", name=command[0])
    sys.exit(program.load()())


def main() -> None:
    import_libraries()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets who has ended
    requests = socket.socket(fileno=0)
    while True:
        start, sockets, *_ = socket.recv_fds(requests, 1, 1)
        if not start:
            return
        conversation = socket.socket(fileno=sockets[0])
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            supervise(conversation)
            return
        conversation.close()


if __name__ == "__main__":
    main()
