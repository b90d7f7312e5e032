"""The PostgreSQL server of a test run: one for all workers, either embedded or external."""

from dataclasses import dataclass

from sqlalchemy import URL

from dev import postgres


@dataclass(frozen=True)
class Server:
    """A server on which this run creates databases of its own."""

    url: URL
    """Of a database that exists; nothing in it is touched."""

    version: str
    """Of PostgreSQL, such as 18.6."""

    run: str
    """Identifies this run of pytest, with all its workers."""

    embedded: postgres.Server | None
    """None for the external server of TEST_DATABASE_URL."""

    def wait_until_ready(self) -> None:
        """Return when the server answers.

        Raises dev.postgres.PostgresError if it did not start.
        """
        if self.embedded is not None:
            self.embedded.wait_until_ready()
