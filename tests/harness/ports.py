"""Ports of 127.0.0.1."""

import random
import socket


def free_port() -> int:
    """A port that is free now, and that the system gives to no connection meanwhile: a client that
    connects to a server which is down could get the port that it connects to, and keep it."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
