"""Create, read, update and delete rows: the queries that all resources share.

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
    """The queries of one resource. A subclass sets `model` and adds queries of its own."""

    model: type[ModelT]

    async def get(self, session: AsyncSession, id: int) -> ModelT:
        """Return the row with this id. Raises NotFoundError if it does not exist."""
        return _found(await session.get(self.model, id), self.model, id)

    async def list(
        self,
        session: AsyncSession,
        query: ListQuery,
        cursors: Cursors,
        *conditions: ColumnElement[bool],
    ) -> RowPage[ModelT]:
        """Return one page of the rows that match the conditions and the query's filters.

        Raises InvalidInputError if the cursor is invalid. The cost depends on the size of the page
        and not on its position if an index starts with the sort field, as for `id` and unique
        fields.
        """
        statement = self.filter(select(self.model), query).where(*conditions)
        name, descending = query.sort.removeprefix("-"), query.sort.startswith("-")
        key, tie_breaker = self._attribute(name), self._attribute("id")
        if query.cursor is not None:
            position = cursors.decode(query.cursor, query.sort)
            start = tuple_(literal(self._value(name, position), key.type), literal(position.id))
            row = tuple_(key, tie_breaker)
            statement = statement.where(row < start if descending else row > start)
        order = (key, tie_breaker)
        statement = statement.order_by(*(c.desc() if descending else c.asc() for c in order))
        # One extra row shows whether there is a next page.
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
        """Like `list`, for the rows whose relationship `reference` points to the row with this id.

        Raises NotFoundError if that row does not exist. Sends two statements for any number of
        rows.
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
        """Set the fields that `data` contains. Raises NotFoundError if the row does not exist."""
        row = await self._lock(session, id)
        for name, value in data.model_dump().items():
            setattr(row, name, value)
        await session.flush()
        return row

    async def delete(self, session: AsyncSession, id: int) -> None:
        """Delete the row. Raises NotFoundError if it does not exist."""
        await session.delete(await self._lock(session, id))
        await session.flush()

    def filter(self, statement: Select[tuple[ModelT]], query: ListQuery) -> Select[tuple[ModelT]]:
        """Select the rows whose columns equal the query's fields. Override it for other filters."""
        for name in sorted(query.model_fields_set - ListQuery.model_fields.keys()):
            statement = statement.where(self._attribute(name) == getattr(query, name))
        return statement

    async def _lock(self, session: AsyncSession, id: int) -> ModelT:
        """Return the row, locked until the transaction ends, so that a concurrent DELETE waits."""
        row = await session.get(self.model, id, with_for_update=True)
        return _found(row, self.model, id)

    def _attribute(self, name: str) -> InstrumentedAttribute[Any]:
        attribute: InstrumentedAttribute[Any] = getattr(self.model, name)
        return attribute

    def _value(self, name: str, position: Position) -> Any:
        """Convert the position's JSON value to the Python type of the sort column."""
        python_type = self._attribute(name).type.python_type
        return TypeAdapter(python_type).validate_python(position.value)


def _found(row: ModelT | None, model: type[ModelT], id: int) -> ModelT:
    if row is None:
        raise NotFoundError(f"{model.__name__} {id} not found.")
    return row
