"""Whatever sends a statement sees and writes the rows of its tenant, and no others."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from app import TENANT_ROLE
from app.database import Sessionmaker
from app.tenancy import Tenant, acting_for, transactions
from app.tenancy.transactions import TenancyError, for_all_tenants, hold_to_tenants
from tests.fixtures.engine import Connect
from tests.tenancy.things import Thing, create_table

REFUSED = "violates row-level security policy"


@pytest.fixture(autouse=True)
async def things(db_session: AsyncSession, tenant_a: Tenant, tenant_b: Tenant) -> list[Thing]:
    """A row of each tenant."""
    await create_table(db_session)
    rows = [Thing(name=tenant.name, tenant_id=tenant.id) for tenant in (tenant_a, tenant_b)]
    db_session.add_all(rows)
    await db_session.flush()
    return rows


@pytest.fixture
def sessions(app: FastAPI) -> Sessionmaker:
    sessions: Sessionmaker = app.state.sessions
    return sessions


async def names(session: AsyncSession | AsyncConnection) -> Sequence[str]:
    return (await session.scalars(select(Thing.name).order_by(Thing.id))).all()


async def test_a_transaction_sees_the_rows_of_its_tenant(
    sessions: Sessionmaker, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    for tenant in (tenant_a, tenant_b):
        with acting_for(tenant.id):
            async with sessions() as session:
                assert await names(session) == [tenant.name]


async def test_without_a_tenant_there_are_no_rows_and_no_inserts(
    sessions: Sessionmaker, db_session: AsyncSession
) -> None:
    async with sessions() as session:
        assert await names(session) == []
        assert (await session.execute(delete(Thing).returning(Thing.id))).all() == []
    async with sessions() as session:
        session.add(Thing(name="new"))
        with pytest.raises(DBAPIError, match=REFUSED):
            await session.flush()
    assert len(await names(db_session)) == 2


async def test_core_and_sql_are_held_to_the_tenant_as_well(
    engine: AsyncEngine, db_session: AsyncSession, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    with acting_for(tenant_a.id):
        async with engine.begin() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM test_things")) == 1
            result = await connection.execute(text("UPDATE test_things SET name = 'changed'"))
            assert result.rowcount == 1
            await connection.execute(text("INSERT INTO test_things (name) VALUES ('new')"))
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM test_things WHERE name = 'changed'"))
    assert await names(db_session) == [tenant_b.name, "new"]


async def test_rows_cannot_be_given_to_another_tenant(
    sessions: Sessionmaker, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    with acting_for(tenant_a.id):
        for statement in (
            update(Thing).values(tenant_id=tenant_b.id),
            insert(Thing).values(name="new", tenant_id=tenant_b.id),
        ):
            async with sessions() as session:
                with pytest.raises(DBAPIError, match=REFUSED):
                    await session.execute(statement)


async def test_an_upsert_meets_only_rows_of_the_tenant(
    sessions: Sessionmaker, db_session: AsyncSession, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    new = postgresql.insert(Thing).values(name=tenant_b.name)
    upsert = new.on_conflict_do_update(
        index_elements=[Thing.tenant_id, Thing.name], set_={"name": "overwritten"}
    )
    with acting_for(tenant_a.id):
        async with sessions.begin() as session:
            await session.execute(upsert)
    assert await names(db_session) == [tenant_a.name, tenant_b.name, tenant_b.name]


async def test_an_upsert_by_the_id_of_another_tenants_row_is_refused(
    sessions: Sessionmaker, db_session: AsyncSession, things: list[Thing], tenant_a: Tenant
) -> None:
    upsert = text(
        "INSERT INTO test_things (id, name) OVERRIDING SYSTEM VALUE VALUES (:id, 'mine') "
        "ON CONFLICT (id) DO UPDATE SET name = 'overwritten'"
    )
    with acting_for(tenant_a.id):
        async with sessions() as session:
            with pytest.raises(DBAPIError, match=REFUSED):
                await session.execute(upsert, {"id": things[1].id})
    assert "overwritten" not in await names(db_session)


async def test_a_transaction_keeps_its_tenant_to_its_end(
    sessions: Sessionmaker, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    with acting_for(tenant_a.id):
        async with sessions() as session:
            assert await names(session) == [tenant_a.name]
            with acting_for(tenant_b.id):
                async with session.begin_nested():
                    assert await names(session) == [tenant_a.name]
                await session.commit()
                assert await names(session) == [tenant_b.name]


async def test_transactions_at_the_same_time_are_kept_apart(
    sessions: Sessionmaker, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    async def read(tenant: Tenant) -> Sequence[str]:
        with acting_for(tenant.id):
            async with sessions() as session:
                await asyncio.sleep(0)
                return await names(session)

    found = await asyncio.gather(*(read(tenant) for tenant in (tenant_a, tenant_b) * 10))
    assert found == [[tenant_a.name], [tenant_b.name]] * 10


async def test_what_alternates_within_open_transactions_is_kept_apart(
    sessions: Sessionmaker, db_session: AsyncSession, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    async with sessions() as one, sessions() as other:
        with acting_for(tenant_a.id):
            assert await names(one) == [tenant_a.name]
        with acting_for(tenant_b.id):
            assert await names(other) == [tenant_b.name]
        assert len(await names(db_session)) == 2
        assert await names(one) == [tenant_a.name]
        one.add(Thing(name="new"))
        await one.commit()
        assert await names(other) == [tenant_b.name]


async def test_the_next_user_of_a_connection_is_no_tenant(
    engine: AsyncEngine, sessions: Sessionmaker, tenant_a: Tenant
) -> None:
    with acting_for(tenant_a.id):
        async with sessions.begin() as session:
            await names(session)
    async with engine.connect() as connection:
        who = text("SELECT current_user, current_setting('app.tenant_id', true)")
        assert (await connection.execute(who)).one() == (TENANT_ROLE, "")
        assert await names(connection) == []


async def test_the_role_of_the_service_owns_nothing(sessions: Sessionmaker) -> None:
    mine = text(
        "SELECT (SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole), "
        "rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    async with sessions() as session:
        assert (await session.execute(mine)).one() == (0, False, False)
        with pytest.raises(DBAPIError, match="must be owner"):
            await session.execute(text("ALTER TABLE test_things DISABLE ROW LEVEL SECURITY"))


async def test_statements_without_a_transaction_are_refused(
    engine: AsyncEngine, make_engine: Callable[..., AsyncEngine], connect: Connect
) -> None:
    autocommit = {"isolation_level": "AUTOCOMMIT"}
    from_the_start = make_engine(async_creator=connect, **autocommit)
    hold_to_tenants(from_the_start)
    for refusing in (engine.execution_options(**autocommit), from_the_start):
        async with refusing.connect() as connection:
            with pytest.raises(TenancyError, match="in AUTOCOMMIT there is no transaction"):
                await names(connection)
    await from_the_start.dispose()


async def test_what_is_not_for_a_tenant_says_so(engine: AsyncEngine) -> None:
    async with for_all_tenants(engine).begin() as connection:
        assert len(await names(connection)) == 2


async def test_a_role_that_is_missing_is_named(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "TENANT_ROLE", "nobody_has_this_role")
    async with engine.connect() as connection:
        with pytest.raises(TenancyError, match="cannot act in the role nobody_has_this_role"):
            await names(connection)
