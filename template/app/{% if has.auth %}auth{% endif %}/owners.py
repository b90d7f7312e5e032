"""Rows that belong to the user who created them.

A request reads and changes only those of its user, by whatever query of the ORM; an admin's request
those of all. For others they do not exist: a row is 404, lists leave it out, and a reference to it
is refused. Commands and tests, for which no user acts, see all rows, and so does SQL that names the
table instead of the model.
"""

from collections import defaultdict
from functools import cache
from typing import Any

from sqlalchemy import ForeignKey, event, inspect, select
from sqlalchemy.orm import (
    MANYTOONE,
    Mapped,
    ORMExecuteState,
    Session,
    declared_attr,
    mapped_column,
    relationship,
    with_loader_criteria,
)

from app.auth.current_user import acting
from app.auth.models import User
from app.errors import ConflictError
from app.models import Base


def _creator() -> int:
    user = acting.get()
    if user is None:
        raise RuntimeError("no user creates this row: set its owner_id")
    return user.id


class Owned:
    """A base, beside `Base`, of models whose rows belong to who created them."""

    @declared_attr
    @classmethod
    def owner_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey(User.id, ondelete="RESTRICT"), default=_creator)

    @declared_attr
    @classmethod
    def owner(cls) -> Mapped[User]:
        return relationship(foreign_keys=[cls.owner_id], lazy="raise")


@event.listens_for(Session, "do_orm_execute")
def _show_only_ones_own(state: ORMExecuteState) -> None:
    user = acting.get()
    if user is None or user.is_admin or state.is_column_load or state.is_relationship_load:
        return
    owner_id = user.id
    state.statement = state.statement.options(
        with_loader_criteria(Owned, lambda model: model.owner_id == owner_id, include_aliases=True)
    )


@event.listens_for(Session, "before_flush")
def _refuse_references_to_rows_of_others(session: Session, *_: object) -> None:
    user = acting.get()
    if user is None or user.is_admin:
        return
    referenced: dict[tuple[str, str, type[Any]], set[int]] = defaultdict(set)
    for row in (*session.new, *session.dirty):
        model: type[Base] = type(row)
        for attribute, target in _references_to_owned(model):
            added = inspect(row).attrs[attribute].history.added or ()
            ids = {id for id in added if id is not None}
            referenced[row.__tablename__, attribute, target] |= ids
    for (table, column, target), ids in referenced.items():
        if ids:
            # Rows of others are not among them.
            found = session.scalars(select(target.id).where(target.id.in_(ids)))
            if ids - {*found}:
                raise ConflictError(f"{table}.{column} references a row that does not exist.")


@cache
def _references_to_owned(model: type[Base]) -> list[tuple[str, type[Any]]]:
    """The columns that reference rows which belong to users, and the models of these."""
    mapper = inspect(model)
    return [
        (mapper.get_property_by_column(column).key, reference.mapper.class_)
        for reference in mapper.relationships
        if reference.direction is MANYTOONE and issubclass(reference.mapper.class_, Owned)
        for _, column in reference.synchronize_pairs
    ]
