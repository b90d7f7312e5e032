"""Closes the way to other machines while tests run, for all that uses Python's sockets."""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

from dev.sandbox.errors import DatabaseUrlClosedError

DATABASE_HOST = "use-the-fixture-connect.invalid"
"""The host in the application's DATABASE_URL while tests run. It cannot exist (RFC 2606)."""

DATABASE_URL = f"postgresql://{DATABASE_HOST}/none"

CLOSED_URL = f"postgresql+asyncpg://{DATABASE_HOST}/none"
"""The same, with the driver that SQLAlchemy asks for. It is the value of the variable DATABASE_URL
while tests run, so that none of them uses the developer's own database."""


class OutgoingConnectionError(Exception):
    """A test tried to connect to another machine."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"a test tried to connect to {host}. Tests connect to this machine only: replace what "
            "sends (for httpx, define the response with `respx_mock`), or add the host to the "
            "fixture `reachable_hosts`."
        )


@contextmanager
def closed_sockets(reachable: Iterable[str]) -> Iterator[None]:
    """Refuse connections to all hosts but this machine and the `reachable` ones, and to look them
    up. Raises OutgoingConnectionError, or DatabaseUrlClosedError for DATABASE_URL."""
    hosts = {"localhost", socket.gethostname(), *reachable}

    def check(host: object) -> None:
        if isinstance(host, bytes):
            host = host.decode()
        if not isinstance(host, str) or host in hosts or is_loopback(host):
            return
        if host == DATABASE_HOST:
            raise DatabaseUrlClosedError
        raise OutgoingConnectionError(host)

    def check_address(_: socket.socket, address: object, *__: object) -> None:
        if isinstance(address, tuple):  # else it is the path of a Unix socket
            check(address[0])

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        check(host)
        found = getaddrinfo(host, *args, **options)
        hosts.update(str(address[0]) for *_, address in found)
        return found

    getaddrinfo = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        patch.setattr(socket, "gethostbyname", _after(check, socket.gethostbyname))
        patch.setattr(socket.socket, "connect", _after(check_address, socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _after(check_address, socket.socket.connect_ex))
        yield


def is_loopback(host: str) -> bool:
    """Whether it is an address of this machine, or of no machine at all (to listen on)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return not host
    return address.is_loopback or address.is_unspecified


def _after(check: Callable[..., None], function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def checked(*args: Any) -> Any:
        check(*args)
        return function(*args)

    return checked
