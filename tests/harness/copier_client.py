"""The command `copier` of the tool, which lets `copier_server.py` run Copier: twice as fast.

If it cannot connect to the server, Copier runs as it always does.
"""

import json
import os
import socket
import sys

ITSELF = f"{sys.argv[0]}-itself"
ADDRESS = f"{sys.argv[0]}.socket"


def ask(server: socket.socket) -> int:
    """Return the exit code of Copier, run by the server."""
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "command": [ITSELF, *sys.argv[1:]],
        "folder": os.getcwd(),  # noqa: PTH109 (to import pathlib takes as long as all else)
        "variables": dict(os.environ),
        "umask": umask,
    }
    socket.send_fds(server, [b"\n"], [0, 1, 2])
    server.sendall(json.dumps(request).encode() + b"\n")
    return int(server.makefile().readline() or 1)


if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(ADDRESS)
        except OSError:
            os.execv(sys.executable, [sys.executable, ITSELF, *sys.argv[1:]])
        sys.exit(ask(server))
