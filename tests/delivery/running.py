"""What a service in a container must do, wherever it runs."""

import json
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx

GRACE = 10
"""Seconds that Docker gives a container to stop."""


def crud_round_trip(url: str) -> None:
    """Create, read, change and delete an item."""
    with httpx.Client(base_url=url, timeout=10) as client:
        created = client.post("/items", json={"name": "Lamp", "price": "9.99"})
        assert created.status_code == 201, created.text
        path = created.headers["location"]
        assert client.get(path).json()["name"] == "Lamp"
        assert client.patch(path, json={"name": "Lantern"}).json()["name"] == "Lantern"
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404


def wait_until_ready(url: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{url} was not ready after {seconds} s"
        time.sleep(0.1)


class RequestInFlight:
    """A request that the service is reading, and whose rest it still waits for."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self.connection = HTTPConnection(address.hostname, address.port, timeout=30)
        self.body = json.dumps({"name": "In flight", "price": "1.00"}).encode()
        self.connection.putrequest("POST", "/items")
        self.connection.putheader("Content-Type", "application/json")
        self.connection.putheader("Content-Length", str(len(self.body)))
        self.connection.putheader("Expect", "100-continue")
        self.connection.endheaders()
        # The service sends that when it wants to read the body.
        assert self.connection.sock.recv(100).startswith(b"HTTP/1.1 100 ")
        self.connection.send(self.body[:10])

    def finish(self) -> int:
        """Send the rest, and return the status of the answer."""
        self.connection.send(self.body[10:])
        status = self.connection.getresponse().status
        self.connection.close()
        return status
