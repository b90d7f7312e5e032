"""Create, read, update, delete: what every resource can do with its table.

Methods flush and never commit: the transaction belongs to the request (see `app.database`).
"""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python
from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import NotFoundError
from app.models import Base
from app.pagination import Cursors, ListQuery, Position, RowPage

ModelT = TypeVar("ModelT", bound=Base)
CreateT = TypeVar("CreateT", bound=BaseModel)
UpdateT = TypeVar("UpdateT", bound=BaseModel)


class Crud(Generic[ModelT, CreateT, UpdateT]):
    """The queries of one resource. A subclass names its `model` and adds queries of its own."""

    model: type[ModelT]

    async def get(self, session: AsyncSession, id: int) -> ModelT:
        """The row with this id; NotFoundError if there is none."""
        return _found(await session.get(self.model, id), self.model, id)

    async def list(
        self,
        session: AsyncSession,
        query: ListQuery,
        cursors: Cursors,
        *conditions: ColumnElement[bool],
    ) -> RowPage[ModelT]:
        """One page of the rows that the conditions and the query's filters select, in the order of
        the query's sort.

        InvalidInputError if the cursor does not belong to this list. The cost grows with the page
        and not with its place in the list if an index leads with the sort field, as for `id` and
        unique fields.
        """
        statement = self.filter(select(self.model), query).where(*conditions)
        name, descending = query.sort.removeprefix("-"), query.sort.startswith("-")
        key, tie_breaker = self._attribute(name), self._attribute("id")
        if query.cursor is not None:
            position = cursors.decode(query.cursor, query.sort)
            here = tuple_(literal(self._value(name, position), key.type), literal(position.id))
            place = tuple_(key, tie_breaker)
            statement = statement.where(place < here if descending else place > here)
        order = (key, tie_breaker)
        statement = statement.order_by(*(c.desc() if descending else c.asc() for c in order))
        # One row more than asked for tells whether another page follows.
        rows = [*await session.scalars(statement.limit(query.limit + 1))]
        if len(rows) <= query.limit:
            return RowPage(rows, next_cursor=None)
        last = rows[query.limit - 1]
        position = Position(query.sort, to_jsonable_python(getattr(last, name)), last.id)
        return RowPage(rows[: query.limit], next_cursor=cursors.encode(position))

    async def list_related(
        self,
        session: AsyncSession,
        reference: InstrumentedAttribute[Any],
        id: int,
        query: ListQuery,
        cursors: Cursors,
    ) -> RowPage[ModelT]:
        """As `list`, of the rows whose relationship `reference` leads to the row with this id.

        NotFoundError if there is no such row. Sends two statements, however many rows there are.
        """
        target = reference.property.mapper.class_
        row = _found(await session.get(target, id), target, id)
        return await self.list(session, query, cursors, reference == row)

    async def create(self, session: AsyncSession, data: CreateT) -> ModelT:
        row = self.model(**data.model_dump())
        session.add(row)
        await session.flush()
        return row

    async def update(self, session: AsyncSession, id: int, data: UpdateT) -> ModelT:
        """Change the fields that `data` holds; NotFoundError if there is no such row."""
        row = await self._lock(session, id)
        for name, value in data.model_dump().items():
            setattr(row, name, value)
        await session.flush()
        return row

    async def delete(self, session: AsyncSession, id: int) -> None:
        """Delete the row; NotFoundError if there is none."""
        await session.delete(await self._lock(session, id))
        await session.flush()

    def filter(self, statement: Select[tuple[ModelT]], query: ListQuery) -> Select[tuple[ModelT]]:
        """Keep the rows whose columns equal the query's fields; override it for other filters."""
        for name in sorted(query.model_fields_set - ListQuery.model_fields.keys()):
            statement = statement.where(self._attribute(name) == getattr(query, name))
        return statement

    async def _lock(self, session: AsyncSession, id: int) -> ModelT:
        """The row, held until the transaction ends: who deletes it at the same time must wait."""
        row = await session.get(self.model, id, with_for_update=True)
        return _found(row, self.model, id)

    def _attribute(self, name: str) -> InstrumentedAttribute[Any]:
        attribute: InstrumentedAttribute[Any] = getattr(self.model, name)
        return attribute

    def _value(self, name: str, position: Position) -> Any:
        """The position's value of the sort field, as the column's Python type."""
        python_type = self._attribute(name).type.python_type
        return TypeAdapter(python_type).validate_python(position.value)


def _found(row: ModelT | None, model: type[ModelT], id: int) -> ModelT:
    if row is None:
        raise NotFoundError(f"There is no {model.__name__} {id}.")
    return row
