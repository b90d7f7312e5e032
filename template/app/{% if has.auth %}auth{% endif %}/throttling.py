"""Limits how often something may be tried, in all processes together."""

import datetime as dt
import hashlib
import math
from ipaddress import IPv6Address, IPv6Network

from fastapi import HTTPException
from sqlalchemy import LargeBinary, bindparam, case, delete, extract, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.models import AttemptCount
from app.database import Sessionmaker

WINDOW = dt.timedelta(minutes=15)
"""After the first attempt; then counting begins again."""


_keys = func.unnest(bindparam("key_hashes", type_=ARRAY(LargeBinary)))
_new = insert(AttemptCount).from_select(
    ["key_hash", "count", "expires_at"], select(_keys, literal(1), func.now() + WINDOW)
)
_is_over = AttemptCount.expires_at <= func.now()
_counted = (
    _new.on_conflict_do_update(
        index_elements=[AttemptCount.key_hash],
        set_={
            "count": case((_is_over, 1), else_=AttemptCount.count + 1),
            "expires_at": case((_is_over, _new.excluded.expires_at), else_=AttemptCount.expires_at),
        },
    )
    .returning(AttemptCount.key_hash, AttemptCount.count, AttemptCount.expires_at)
    .cte("counted")
)
_count = select(
    _counted.c.key_hash,
    _counted.c.count,
    extract("epoch", _counted.c.expires_at - func.now()),
)


def _digest(key: str) -> bytes:
    """The table need not know who has tried what."""
    return hashlib.sha256(key.encode()).digest()


def client_of(address: str) -> str:
    """The client behind an address. With IPv6 it is a network, of which it has all addresses."""
    try:
        ip = IPv6Address(address)
    except ValueError:
        return address
    return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False))


async def count_attempt(sessions: Sessionmaker, limits: dict[str, int]) -> None:
    """Count an attempt for each key. Raises HTTPException (429) if one has exceeded its limit.

    An attempt is counted before it is made, whatever its outcome, so that many at once cannot
    exceed the limit. It is counted in a transaction of one statement, so that attempts hardly wait
    for one another.
    """
    maximum = {_digest(key): limit for key, limit in limits.items()}
    async with sessions.begin() as session:
        rows = (await session.execute(_count, {"key_hashes": [*maximum]})).all()
    waits = [seconds for key_hash, count, seconds in rows if count > maximum[key_hash]]
    if waits:
        retry_after = str(max(1, math.ceil(max(waits))))
        raise HTTPException(
            429, "Too many attempts; try again later.", headers={"Retry-After": retry_after}
        )


async def forget_attempts(session: AsyncSession, key: str) -> None:
    """Let counting begin again for this key."""
    await session.execute(delete(AttemptCount).where(AttemptCount.key_hash == _digest(key)))
