"""What is said when there is no embedded PostgreSQL to be had."""

ALTERNATIVES = (
    "A server of your own serves as well: set TEST_DATABASE_URL for the tests, "
    "DATABASE_URL for the service."
)


class PostgresError(Exception):
    """The embedded server cannot serve; the text says why, and what else there is."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}\n{ALTERNATIVES}")
