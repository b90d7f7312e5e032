"""Tells of rows of resources that are created, updated and deleted.

Every flush of a session does, whoever makes it: a request, a command, a test. An `update()` or
`delete()` of many rows, and SQL of your own, tell nobody. A message has only the ids of the rows:
clients read what they show, and see what they may see.
"""

from collections import defaultdict

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.models import Base
from app.realtime.access import owner_of
from app.realtime.notices import Notice, notify

ALL = "changes"
"""The topic of the changes of all resources."""

MAX_IDS = 200
"""Ids of up to 19 digits in one message, which has to be shorter than 8,000 bytes."""


def topic(resource: str) -> str:
    return f"{ALL}/{resource}"


def resource_of(model: type[Base]) -> str:
    """As in its path: `order-lines`."""
    table: str = model.__tablename__
    return table.replace("_", "-")


def is_announced(model: type[Base]) -> bool:
    """Only models of resources are, and not the pairs of a many-to-many, which change with a row;
    of these, none that says `announce_changes = False`."""
    is_resource = model.__module__.startswith("app.resources.") and hasattr(model, "id")
    return is_resource and getattr(model, "announce_changes", True)


def announced_resources() -> set[str]:
    models = (mapper.class_ for mapper in Base.registry.mappers)
    return {resource_of(model) for model in models if is_announced(model)}


@event.listens_for(Session, "after_flush")
def _announce(session: Session, _: object) -> None:
    ids: defaultdict[tuple[str, str, int | None], list[int]] = defaultdict(list)
    updated = (row for row in session.dirty if session.is_modified(row))
    for type_, rows in (
        ("created", session.new),
        ("updated", updated),
        ("deleted", session.deleted),
    ):
        for row in rows:
            model: type[Base] = type(row)
            if is_announced(model):
                ids[type_, resource_of(model), owner_of(row)].append(row.id)
    notices = [
        Notice(
            topic(resource),
            {"type": type_, "resource": resource, "ids": some[start : start + MAX_IDS]},
            owner_id,
        )
        for (type_, resource, owner_id), some in ids.items()
        for start in range(0, len(some), MAX_IDS)
    ]
    if notices:
        session.connection().execute(*notify(*notices))
