"""What processes tell one another, by PostgreSQL's NOTIFY."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Executable, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

CHANNEL = "realtime"
"""PostgreSQL's."""

MAX_PAYLOAD = 7999
"""Bytes of a notification, by PostgreSQL."""

# All notices of a flush in one statement.
_notify = select(func.pg_notify(CHANNEL, func.unnest(bindparam("payloads", type_=ARRAY(Text)))))


@dataclass(frozen=True)
class Notice:
    """A message to the clients that follow a topic."""

    topic: str
    message: dict[str, Any]
    owner_id: int | None = None
    """The user whom the message is for; None if it is for everybody."""

    def payload(self) -> str:
        """Raises ValueError if it is too long, or no JSON."""
        payload = json.dumps(asdict(self), allow_nan=False, separators=(",", ":"))
        if len(payload) > MAX_PAYLOAD:  # ASCII
            raise ValueError(
                f"the message takes {len(payload)} bytes as JSON; PostgreSQL's maximum is "
                f"{MAX_PAYLOAD}: write it into a table and send its id"
            )
        return payload


def parse(payload: str) -> Notice:
    """Raises ValueError if no service of this kind has sent it."""
    try:
        return Notice(**json.loads(payload))
    except TypeError as error:
        raise ValueError(str(error)) from None


def notify(*notices: Notice) -> tuple[Executable, dict[str, Any]]:
    """The statement, with its parameters, that sends them when its transaction is committed."""
    return _notify, {"payloads": [notice.payload() for notice in notices]}
