"""Parameters, locks, temporary tables and prepared statements do not reach the wrong transaction,
nor the next test (which `clean_start` looks at)."""

import asyncio
from decimal import Decimal

import pytest
from sqlalchemy import Executable, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from dev.isolation import DatabaseIsolation

SETTING = text("SELECT current_setting('app.tenant', true)")

SET_LOCAL: list[Executable] = [
    text("SET LOCAL app.tenant = 'one'"),
    text("SET LOCAL app.tenant TO one"),
    text("SELECT set_config('app.tenant', 'one', true)"),
    text("SELECT set_config(:name, :value, :is_local)").bindparams(
        name="app.tenant", value="one", is_local=True
    ),
    select(func.set_config("app.tenant", "one", True)),
]


@pytest.mark.parametrize("number", range(len(SET_LOCAL)))
async def test_a_parameter_of_a_transaction_ends_with_its_commit(
    engine: AsyncEngine, number: int
) -> None:
    """Otherwise the next request would see the rows of this one's tenant."""
    async with engine.begin() as connection:
        await connection.execute(SET_LOCAL[number])
        assert await connection.scalar(SETTING) == "one"
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('of one')"))
    async with engine.begin() as connection:
        assert not await connection.scalar(SETTING)


async def test_a_parameter_of_a_transaction_ends_with_its_rollback(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(SET_LOCAL[0])
        await connection.rollback()
        assert not await connection.scalar(SETTING)


async def test_a_role_of_a_transaction_ends_with_its_commit(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE ROLE sandbox_tenant"))
        await connection.execute(text("SET LOCAL ROLE sandbox_tenant"))
        assert await connection.scalar(text("SELECT current_user")) == "sandbox_tenant"
    async with engine.begin() as connection:
        assert await connection.scalar(text("SELECT current_user")) != "sandbox_tenant"
        await connection.execute(text("DROP ROLE sandbox_tenant"))


async def test_a_time_zone_of_a_transaction_ends_with_its_commit(engine: AsyncEngine) -> None:
    zone = text("SELECT current_setting('TimeZone')")
    async with engine.begin() as connection:
        before = await connection.scalar(zone)
        await connection.execute(text("SET LOCAL TIME ZONE 'Asia/Tokyo'"))
        assert await connection.scalar(zone) == "Asia/Tokyo"
    async with engine.begin() as connection:
        assert await connection.scalar(zone) == before


async def create_function_that_sets(connection: AsyncConnection) -> None:
    await connection.execute(
        text(
            "CREATE FUNCTION set_tenant(name text) RETURNS text LANGUAGE sql "
            "AS $$ SELECT set_config('app.tenant', name, true) $$"
        )
    )


async def test_a_parameter_that_a_function_sets_ends_with_the_commit_if_it_is_named(
    engine: AsyncEngine, isolation: DatabaseIsolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation.sandbox.physical, "transaction_local_settings", ("app.tenant",))
    async with engine.begin() as connection:
        await create_function_that_sets(connection)
        await connection.execute(text("SELECT set_tenant('one')"))
        assert await connection.scalar(SETTING) == "one"
    async with engine.begin() as connection:
        assert not await connection.scalar(SETTING)


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_parameter_of_the_session_ends_with_the_test(
    engine: AsyncEngine, attempt: str
) -> None:
    async with engine.connect() as connection:
        assert not await connection.scalar(SETTING)
        await connection.execute(text("SET app.tenant = 'session'"))
        await connection.commit()
        assert await connection.scalar(SETTING) == "session"


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_limit_of_similarity_is_each_connections_own(
    engine: AsyncEngine, attempt: str
) -> None:
    shown = text("SELECT show_limit() > 0.5")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE EXTENSION pg_trgm"))
    async with engine.connect() as one, engine.connect() as two:
        assert not await one.scalar(shown)
        await one.execute(text("SELECT set_limit(0.9)"))
        await one.commit()
        assert not await two.scalar(shown)
        assert await one.scalar(shown)


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_an_advisory_lock_of_the_session_ends_with_the_test(
    db_session: AsyncSession, attempt: str
) -> None:
    """The session could acquire it again, so `clean_start` checks that it is not held."""
    assert await db_session.scalar(text("SELECT pg_try_advisory_lock(4711)"))
    held = """
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND locktype = 'advisory' AND objid = 4711
    """
    assert await db_session.scalar(text(held)) == 1


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_temporary_table_ends_with_the_test(engine: AsyncEngine, attempt: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TEMP TABLE scratch (id int)"))


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_prepared_statement_of_sql_ends_with_the_test(
    engine: AsyncEngine, attempt: str
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("PREPARE one AS SELECT 1"))
        assert await connection.scalar(text("EXECUTE one")) == 1


ONCE_FOR_EACH_CONNECTION = {
    "parameter": ("SET app.tenant = 'one'", "SELECT 1 / length(current_setting('app.tenant'))"),
    "temporary table": ("CREATE TEMP TABLE scratch (id int)", "SELECT id FROM scratch"),
    "temporary table of a query": ("SELECT 1 AS id INTO TEMP scratch", "SELECT id FROM scratch"),
    "prepared statement": ("PREPARE one AS SELECT 1", "EXECUTE one"),
    "advisory lock": (
        "SELECT pg_advisory_lock(4711)",
        "SELECT 1 / count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711",
    ),
}


@pytest.mark.parametrize("attempt", ["first", "second"])
@pytest.mark.parametrize("what", ONCE_FOR_EACH_CONNECTION)
async def test_what_the_application_knows_of_a_connection_ends_with_its_session(
    engine: AsyncEngine, what: str, attempt: str
) -> None:
    make, use = map(text, ONCE_FOR_EACH_CONNECTION[what])
    async with engine.begin() as connection:
        if what not in connection.info:
            await connection.execute(make)
            connection.info[what] = True
        await connection.execute(use)


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_changed_table_is_what_it_was_for_the_next_test(
    db_session: AsyncSession, attempt: str
) -> None:
    """Statements that were prepared for one test do not fail in the next."""
    before, after = text("SELECT * FROM accounts"), text("SELECT accounts.* FROM accounts")
    columns = list((await db_session.execute(before)).keys())
    assert "extra" not in columns
    await db_session.execute(text("ALTER TABLE accounts ADD COLUMN extra int"))
    assert list((await db_session.execute(after)).keys()) == [*columns, "extra"]


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_new_type_is_unknown_to_the_next_test(
    db_session: AsyncSession, attempt: str
) -> None:
    await db_session.execute(text("CREATE TYPE mood AS ENUM ('good', 'bad')"))
    await db_session.execute(text("CREATE TABLE left_moods (mood mood)"))
    await db_session.execute(text("INSERT INTO left_moods VALUES ('good')"))
    assert await db_session.scalar(text("SELECT mood FROM left_moods")) == "good"


async def test_connections_are_opened_with_the_options_of_the_applications_engine(
    db_session: AsyncSession,
) -> None:
    shown = await db_session.scalar(text("SELECT current_setting('application_name')"))
    assert shown == "app"


SEQUENCE = "pg_get_serial_sequence('accounts', 'id')"
HIGH = 1_000_000
CREATE_JUMP = f"""
    CREATE FUNCTION jump() RETURNS bigint LANGUAGE sql AS $$ SELECT setval({SEQUENCE}, {HIGH}) $$
"""
SET_SEQUENCE = {
    "by a statement": [f"SELECT setval({SEQUENCE}, {HIGH})"],
    "by a block": [f"DO $$ BEGIN PERFORM setval({SEQUENCE}, {HIGH}); END $$"],
    "by a function": [CREATE_JUMP, "SELECT jump()"],
    "by a trigger that calls a function": [
        CREATE_JUMP,
        """
        CREATE FUNCTION jump_after() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM jump(); RETURN NULL; END $$
        """,
        "CREATE TRIGGER jump AFTER INSERT ON posts EXECUTE FUNCTION jump_after()",
        "INSERT INTO posts (title, account_id) SELECT 'a', 1 WHERE false",
    ],
}


@pytest.mark.parametrize("attempt", ["first", "second"])
@pytest.mark.parametrize("how", SET_SEQUENCE)
async def test_a_sequence_that_is_set_is_as_before_in_the_next_test(
    engine: AsyncEngine, how: str, attempt: str
) -> None:
    next_value = text(f"SELECT nextval({SEQUENCE})")
    async with engine.connect() as connection:
        before = await connection.scalar(next_value)
        assert before is not None
        assert before < HIGH
        await connection.rollback()
    for statement in SET_SEQUENCE[how]:
        async with engine.begin() as connection:
            await connection.execute(text(statement))
    async with engine.begin() as connection:
        assert await connection.scalar(next_value) == HIGH + 1


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_what_analyze_has_counted_is_forgotten_by_the_next_test(
    engine: AsyncEngine, attempt: str
) -> None:
    estimate = text("SELECT reltuples FROM pg_class WHERE relname = 'accounts'")
    async with engine.begin() as connection:
        assert await connection.scalar(estimate) == -1
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('a'), ('b')"))
        await connection.execute(text("ANALYZE accounts"))
        assert await connection.scalar(estimate) == 2


NUMERIC = text("SELECT 1.5")


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_codec_that_a_test_sets_ends_with_it(engine: AsyncEngine, attempt: str) -> None:
    async with engine.connect() as connection:
        assert await connection.scalar(NUMERIC) == Decimal("1.5")
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=str.upper)
        assert await driver.fetchval("SELECT 1.5") == "1.5"


heard: list[str] = []


@pytest.mark.parametrize("attempt", ["first", "second"])
async def test_a_listener_or_logger_that_a_test_adds_ends_with_it(
    engine: AsyncEngine, attempt: str
) -> None:
    heard.clear()
    async with engine.connect() as connection:
        await connection.scalar(NUMERIC)
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("DO $$ BEGIN RAISE WARNING 'careful'; END $$")
        await asyncio.sleep(0)
        assert heard == []
        driver.add_log_listener(lambda _, message: heard.append(message.message))
        driver.add_query_logger(lambda query: heard.append(query.query))
        driver.add_termination_listener(lambda _: heard.append("ended"))


async def test_the_connection_of_an_ordinary_test_is_kept(
    engine: AsyncEngine, isolation: DatabaseIsolation
) -> None:
    """New ones, which take time, are opened only after a test has changed its session."""
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO accounts (name) VALUES ('a')"))
    assert not isolation.sandbox.session_changed
    assert not isolation.sandbox.beyond_rollback
