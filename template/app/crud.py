"""Create, read, update and delete rows: the queries that all resources share.

Methods flush and never commit: the transaction belongs to the request (see `app.database`).
"""

import builtins
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import (
    JSON,
    ColumnElement,
    Enum,
    FrameClause,
    FrameClauseType,
    Select,
    String,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    select,
    table,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, raiseload
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.types import TypeEngine

from app.errors import NotFoundError
from app.models import Base
from app.pagination import NOT_FILTERS, Cursors, ListQuery, Position, RowPage

ModelT = TypeVar("ModelT", bound=Base)
CreateT = TypeVar("CreateT", bound=BaseModel)
UpdateT = TypeVar("UpdateT", bound=BaseModel)

SIZES = table("sizes", column("id"), column("before"), column("following"))
"""The rows of a page: the bytes of those before each, and the id of the next one."""

FOLLOWED = select(func.count(SIZES.c.following)).scalar_subquery().label("followed")
"""How many of these rows another one follows: all of them, or all but the last of the list."""

MAX_SHORT = 1000
"""Characters of a column whose values make no page large."""

ANY_VALUE = object()
"""The part of an order that holds the rows with a value, whichever that is."""

BOUNDS: dict[str, Callable[[Any, Any], Any]] = {
    "min": operator.ge,
    "max": operator.le,
    "from": operator.ge,
    "before": operator.lt,
}
"""How a filter compares, by the end of its name: `price_max` is the greatest price."""

Precondition = Callable[[object], None]


def accept(_: object) -> None:
    """The precondition that every row meets."""


class Crud(Generic[ModelT, CreateT, UpdateT]):
    """The queries of one resource. A subclass sets `model` and adds its own queries."""

    model: type[ModelT]

    page_bytes: ClassVar[int] = 1_048_576
    """A page ends with the row that brings its texts and JSON values to this size."""

    async def get(self, session: AsyncSession, id: int) -> ModelT:
        """Return the row with this id. Raises NotFoundError if it does not exist."""
        if session.identity_map:  # which may hold the row
            row = await session.get(self.model, id)
        else:
            row = await session.scalar(_by_id(self.model), {"id": id})
        return _found(row, self.model, id)

    async def list(
        self,
        session: AsyncSession,
        query: ListQuery,
        cursors: Cursors,
        *conditions: ColumnElement[bool],
    ) -> RowPage[ModelT]:
        """Return one page of the rows that match the conditions and the query's filters.

        Raises InvalidInputError if the cursor is invalid. The cost depends on the size of the page
        and not on its position, because an index begins with the sort field, and so does one with
        each filter: `*` in a resource line creates it. Several filters, or a filter and a sort,
        may cost as much as the rows that the best of their indexes leaves.
        """
        order = _order(self.model, query.sort, self.page_bytes)
        statement = self.filter(order.rows, query)
        if conditions:
            statement = statement.where(*conditions)
        start = None
        if query.cursor is not None:
            start = cursors.decode(query.cursor, query, order.type)
        rows, end = await self._page(session, statement, order, start, query.limit)
        return RowPage(rows, next_cursor=cursors.encode(end, query) if end else None)

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
        row = _found(await session.get(target, id, options=[raiseload("*")]), target, id)
        return await self.list(session, query, cursors, reference == row)

    async def create(self, session: AsyncSession, data: CreateT) -> ModelT:
        row = self.model(**data.model_dump())
        session.add(row)
        await session.flush()
        return row

    async def update(
        self,
        session: AsyncSession,
        id: int,
        data: UpdateT,
        precondition: Precondition = accept,
    ) -> ModelT:
        """Set the fields that `data` contains. Raises NotFoundError if the row does not exist.

        `precondition` is called with the locked row, and may raise to leave it as it is.
        """
        row = await self._lock(session, id)
        precondition(row)
        for name, value in data.model_dump().items():
            before = vars(row).get(name)
            setattr(row, name, value)
            # SQLAlchemy would not write what Python finds equal, such as True in place of 1.
            if value == before and repr(value) != repr(before):
                flag_modified(row, name)
        await session.flush()
        return row

    async def delete(
        self,
        session: AsyncSession,
        id: int,
        precondition: Precondition = accept,
    ) -> None:
        """Delete the row. Raises NotFoundError if it does not exist.

        `precondition` is called with the locked row, and may raise to leave it as it is.
        """
        row = await self._lock(session, id)
        precondition(row)
        await session.delete(row)
        await session.flush()

    def filter(self, statement: Select[ModelT], query: ListQuery) -> Select[ModelT]:
        """Select the rows that meet the condition of each of the query's fields."""
        for name in sorted(query.model_fields_set - NOT_FILTERS):
            statement = statement.where(self.condition(name, getattr(query, name)))
        return statement

    def condition(self, name: str, value: object) -> ColumnElement[bool]:
        """What a field of the query asks for: that the column of this name equals the value or one
        of several, or that a column is within a bound, such as `price_min`.

        Override it for fields of your own, and call `super().condition` for all others.
        """
        column, _, bound = name.rpartition("_")
        if bound in BOUNDS and not hasattr(self.model, name):
            within: ColumnElement[bool] = BOUNDS[bound](self._attribute(column), value)
            return within
        attribute = self._attribute(name)
        return attribute.in_(value) if isinstance(value, list) else attribute == value

    async def _page(
        self,
        session: AsyncSession,
        statement: Select[ModelT],
        order: "_Order",
        start: Position | None,
        limit: int,
    ) -> tuple[builtins.list[ModelT], Position | None]:
        """Return the first rows of the statement after `start`, at most `limit`, and the position
        of the last one if others follow."""
        if statement is order.rows and start is None:
            page = _first_page(order, limit)
        else:
            page = order.select_page(statement, start, limit)
        found = (await session.execute(page)).all()
        rows = [row[0] for row in found[:limit]]
        if order.sizes is None:
            has_more = len(found) > limit
        else:
            has_more = bool(found) and found[0].followed >= len(rows)
        if not has_more:
            return rows, None
        return rows, Position(order.type, found[len(rows) - 1][1], rows[-1].id)

    async def _lock(self, session: AsyncSession, id: int) -> ModelT:
        """Return the row, locked until the transaction ends, so that a concurrent DELETE waits."""
        row = await session.get(self.model, id, with_for_update=True)
        return _found(row, self.model, id)

    def _attribute(self, name: str) -> InstrumentedAttribute[Any]:
        attribute: InstrumentedAttribute[Any] = getattr(self.model, name)
        return attribute


@dataclass(frozen=True, eq=False)
class _Order:
    """The order of a list: by one field, and by `id` where that is equal.

    Enums are in the order of their values, and rows without a value come last, in both directions.
    No index has this order. But it has that of the rows with one value of an enum, of those with
    any value and of those without one: these are the parts of the order, one after another.
    """

    rows: Select[Any]
    """All rows in this order."""

    keys: Sequence[InstrumentedAttribute[Any]]
    descending: bool
    columns: Sequence[ColumnElement[Any]]

    type: str
    text: ColumnElement[str]
    """The type of the field, and its value as PostgreSQL writes it. The value in Python is not
    exact: asyncpg returns the same date for `infinity` and 9999-12-31."""

    sizes: Sequence[ColumnElement[Any]] | None
    """The columns of `SIZES` in this order; None if no row of the table is large."""

    fits: ColumnElement[bool]
    """The condition of the rows that fit on a page, by `SIZES`."""

    parts: dict[object, ColumnElement[bool]]
    """By the values of an enum, ANY_VALUE or None; empty if the index has the order."""

    def select_page(
        self, statement: Select[Any], start: Position | None, limit: int
    ) -> Select[*tuple[Any, ...]]:
        """Select the first rows of `statement` after `start`, with `text` and what shows whether
        others follow: one more row, or the column `followed`."""
        page = self._begin(statement, start, limit + 1)
        if self.sizes is None:
            return page.add_columns(self.text).limit(limit + 1)
        # The database adds up the sizes, so that it never sends rows beyond the budget.
        sizes = page.with_only_columns(*self.sizes).limit(limit).cte(SIZES.name)
        return statement.add_cte(sizes).add_columns(self.text, FOLLOWED).where(self.fits)

    def _begin(self, statement: Select[Any], start: Position | None, limit: int) -> Select[Any]:
        """Of the rows that `statement` selects in this order, select those after `start`, or as
        many of each part as a page can hold."""
        if not self.parts:
            return statement if start is None else statement.where(self._is_after(start))
        id, parts = self.keys[-1], [*self.parts.values()]
        if start is not None:
            part = start.value if start.value in self.parts else ANY_VALUE
            parts = parts[[*self.parts].index(part) :]
            parts[0] &= self._is_after(start)
        ids = statement.with_only_columns(id).order_by(None)
        ordered = ids.order_by(*self.columns[-len(self.keys) :])
        firsts = (ordered.where(part).limit(limit) for part in parts)
        return statement.where(id.in_(union_all(*firsts)))

    def _is_after(self, position: Position) -> ColumnElement[bool]:
        # In the part of one value, only the id differs.
        keys = self.keys[-1:] if position.value in self.parts else self.keys
        values = (cast(literal(position.value, Text), self.keys[0].type), literal(position.id))
        row, start = tuple_(*keys), tuple_(*values[-len(keys) :])
        return row < start if self.descending else row > start


@cache
def _by_id(model: type[ModelT]) -> Select[ModelT]:
    """The row with the parameter `id`, cached for the same reason as `_order`; `Session.get` builds
    it each time."""
    return select(model).where(model.id == bindparam("id"))


@lru_cache
def _first_page(order: _Order, limit: int) -> Select[*tuple[Any, ...]]:
    """The page that most clients ask for, cached for the same reason as `_order`."""
    return order.select_page(order.rows, None, limit)


@cache
def _order(model: type[Base], sort: str, page_bytes: int) -> _Order:
    """It is cached because SQLAlchemy takes long to build expressions."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    key: InstrumentedAttribute[Any] = getattr(model, name)
    keys = [key] if name == "id" else [key, model.id]
    columns: list[ColumnElement[Any]] = [key.desc() if descending else key.asc() for key in keys]
    parts = _parts(key, descending=descending)
    if parts:
        columns.insert(0, case(*((part, rank) for rank, part in enumerate(parts.values()))))
    return _Order(
        select(model).order_by(*columns),
        keys,
        descending,
        columns,
        _type_of(key),
        cast(key, Text).label("text"),
        _sizes(model, columns),
        _fits(model, page_bytes),
        parts,
    )


def _parts(
    key: InstrumentedAttribute[Any], *, descending: bool
) -> dict[object, ColumnElement[bool]]:
    values = key.type.enums if isinstance(key.type, Enum) else []
    parts: dict[object, ColumnElement[bool]] = {
        value: key == value for value in (reversed(values) if descending else values)
    }
    if key.expression.nullable:
        parts = (parts or {ANY_VALUE: key.is_not(None)}) | {None: key.is_(None)}
    return parts


def _type_of(key: InstrumentedAttribute[Any]) -> str:
    """The type of the field, with what the parts of an order depend on."""
    values = key.type.enums if isinstance(key.type, Enum) else ""
    return f"{type(key.type).__name__}{values}{'?' if key.expression.nullable else ''}"


def _sizes(
    model: type[Base], order: Sequence[ColumnElement[Any]]
) -> Sequence[ColumnElement[Any]] | None:
    long = [column for column in model.__table__.columns if _is_long(column.type)]
    if not long:
        return None
    size = reduce(operator.add, (func.coalesce(_octets(column), 0) for column in long))
    id = model.__table__.columns["id"]
    # PostgreSQL opens one window for both, since they share the frame.
    frame = FrameClause(None, 1, FrameClauseType.UNBOUNDED, FrameClauseType.PRECEDING)
    window: dict[str, Any] = {"order_by": order, "rows": frame}
    before = func.coalesce(func.sum(size).over(**window), 0)
    return [id, before.label("before"), func.lead(id).over(**window).label("following")]


def _fits(model: type[Base], page_bytes: int) -> ColumnElement[bool]:
    ids = select(SIZES.c.id).where(SIZES.c.before < page_bytes).scalar_subquery()
    # By an array, so that PostgreSQL finds each row by its id. For a join it might read the table.
    return model.id == any_(func.array(ids))


def _is_long(type_: TypeEngine[Any]) -> bool:
    if isinstance(type_, String):
        return type_.length is None or type_.length > MAX_SHORT
    return isinstance(type_, JSON)


def _octets(long: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL knows the length of a text without reading it, but not the length of JSON.
    return func.octet_length(long if isinstance(long.type, String) else cast(long, Text))


def _found(row: ModelT | None, model: type[ModelT], id: int) -> ModelT:
    if row is None:
        raise NotFoundError(f"{model.__name__} {id} not found.")
    return row
