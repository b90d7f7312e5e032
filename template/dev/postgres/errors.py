"""The error when there is no usable embedded PostgreSQL."""

ALTERNATIVES = (
    "You can use a server of your own instead: set TEST_DATABASE_URL for the tests, "
    "DATABASE_URL for the service."
)


class PostgresError(Exception):
    """The embedded server cannot be used; the message says why, and names the alternatives."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}\n{ALTERNATIVES}")
