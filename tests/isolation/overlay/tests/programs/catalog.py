"""What the machine tries, by feature; `docs/isolation-limits.md` has a line for each feature."""

from tests.programs.language import (
    Abandon,
    Begin,
    Cancel,
    Close,
    CopyIn,
    CopyOut,
    CopyWhile,
    FetchFromCursor,
    Finish,
    Forget,
    Hear,
    Interrupt,
    Listen,
    OpenCursor,
    Operation,
    Prepared,
    Run,
    Savepoint,
    Stream,
    rows,
    status,
)

ITEMS = "SELECT id, value FROM programs.items ORDER BY id"


def types(sql: str) -> Run:
    """What is read differs from run to run, but not its types."""
    return Run(sql, counts="types")


FEATURES: dict[str, tuple[Operation, ...]] = {
    "transactions": (
        Begin(),
        Begin(),
        Begin(readonly=True),
        Finish("commit"),
        Finish("commit"),
        Finish("rollback"),
        Close(),
    ),
    "lost connections": (Forget(),),
    "isolation levels": (
        Begin("read_committed"),
        Begin("repeatable_read"),
        Begin("serializable"),
        Begin("serializable", readonly=True),
        status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        status("SET TRANSACTION READ ONLY"),
        rows("SHOW transaction_isolation"),
        rows("SHOW transaction_read_only"),
    ),
    "savepoints": (
        Savepoint(),
        Finish("commit"),
        Finish("rollback"),
        status("SAVEPOINT mine"),
        status("RELEASE SAVEPOINT mine"),
        status("ROLLBACK TO SAVEPOINT mine"),
    ),
    "reads": (
        rows(ITEMS),
        rows("SELECT value FROM programs.items WHERE id = 1"),
        rows("SELECT count(*) FROM programs.items"),
        Prepared("SELECT count(*) FROM programs.places"),
        rows(
            "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 3) TABLE t"
        ),
        rows("SELECT v.a FROM (VALUES (1, 2), (3, 4)) AS v(a, b) ORDER BY a"),
        rows("SELECT u.x FROM unnest(ARRAY[1, 2]) AS u(x) ORDER BY x"),
        rows("SELECT /* a /* nested */ comment */ max(id) FROM programs.items"),
        Run("EXPLAIN SELECT * FROM programs.items", counts="success"),
        rows("SELECT programs.total()"),
        rows("SELECT 1 / 0"),
    ),
    "functions that change nothing": (
        types("SELECT random() FROM programs.items"),
        types("SELECT gen_random_uuid()"),
        types("SELECT clock_timestamp(), count(*) FROM programs.items"),
    ),
    "locks of rows": (
        rows("SELECT value FROM programs.items WHERE id = 1 FOR UPDATE"),
        rows("SELECT value FROM programs.items WHERE id = 2 FOR SHARE"),
        rows("SELECT value FROM programs.items WHERE id = 1 FOR UPDATE NOWAIT"),
        rows("SELECT id FROM programs.items ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1"),
        status("LOCK TABLE programs.items IN SHARE MODE"),
        status("SET LOCAL lock_timeout = '1ms'"),
    ),
    "writes": (
        status("INSERT INTO programs.items VALUES (3, 30)"),
        status("INSERT INTO programs.items VALUES (4, 40)"),
        status("UPDATE programs.items SET value = value + 1 WHERE id = 1"),
        status("UPDATE programs.items SET value = value * 2 WHERE id = 2"),
        status("UPDATE programs.items SET value = 5000 WHERE id = 2"),
        status("DELETE FROM programs.items WHERE id = 2"),
        rows(
            "INSERT INTO programs.items VALUES (3, 33) "
            "ON CONFLICT (id) DO UPDATE SET value = 34 RETURNING value"
        ),
        status("INSERT INTO programs.items VALUES (1, 0) ON CONFLICT DO NOTHING"),
        rows("WITH d AS (DELETE FROM programs.items WHERE id = 1 RETURNING id) SELECT id FROM d"),
        rows("SELECT programs.add(5)"),
    ),
    "constraints that can be deferred": (
        status("INSERT INTO programs.parts VALUES (1, 1)"),
        status("INSERT INTO programs.parts VALUES (2, 9)"),
        status("INSERT INTO programs.items VALUES (9, 0)"),
        status("UPDATE programs.places SET place = 2 WHERE id = 1"),
        status("UPDATE programs.places SET place = 1 WHERE id = 2"),
        rows("SELECT place FROM programs.places ORDER BY id"),
        status("SET CONSTRAINTS ALL DEFERRED"),
        status("SET CONSTRAINTS ALL IMMEDIATE"),
    ),
    "settings of the transaction": (
        status("SET LOCAL app.tenant = 'red'"),
        rows("SELECT set_config('app.tenant', 'blue', true)"),
        rows("SELECT set_config('app.tenant', 'a, (b', true)"),
        rows("SELECT set_config('app.tenant', concat('a', left('bc', 1)), true)"),
        rows("SELECT set_config($1, $2, $3)", "app.tenant", "green", True),
        status("SET LOCAL work_mem = '5MB'"),
        rows("SELECT coalesce(current_setting('app.tenant', true), '')"),
        rows("SHOW work_mem"),
    ),
    "settings of the session": (
        status("SET app.tenant = 'red'"),
        rows("SELECT set_config('app.tenant', 'blue', false)"),
        status("SET work_mem = '6MB'"),
        status("RESET work_mem"),
        status("SET default_transaction_read_only = on"),
        rows("SELECT coalesce(current_setting('app.tenant', true), '')"),
        rows("SHOW work_mem"),
    ),
    "roles": (
        status("SET ROLE pg_read_all_data"),
        status("SET LOCAL ROLE pg_read_all_data"),
        status("RESET ROLE"),
        rows("SELECT current_user = session_user"),
        rows("SELECT note FROM programs.notes ORDER BY note"),
    ),
    "advisory locks": (
        rows("SELECT pg_advisory_lock(1)::text"),
        rows("SELECT pg_try_advisory_lock(1)"),
        rows("SELECT pg_advisory_unlock(1)"),
        rows("SELECT pg_advisory_xact_lock(1)::text"),
        rows("SELECT pg_try_advisory_xact_lock(1)"),
        rows("SELECT pg_advisory_unlock_all()::text"),
    ),
    "cursors of the driver": (
        OpenCursor(ITEMS),
        FetchFromCursor(),
        OpenCursor("SELECT 1 / (n - 2) FROM generate_series(1, 3) AS n"),
    ),
    "cursors of SQL": (
        status(f"DECLARE named CURSOR FOR {ITEMS}"),
        rows("FETCH 1 FROM named"),
        status("CLOSE named"),
        status(f"DECLARE named CURSOR WITH HOLD FOR {ITEMS}"),
    ),
    "streams": (
        Stream(ITEMS, 1),
        Stream(ITEMS, 5),
        Stream("SELECT 10 / (4 - n) FROM generate_series(1, 10) AS n", 2),
        Stream("SELECT 10 / (4 - n) FROM generate_series(1, 10) AS n", 5),
        Stream("SELECT n FROM generate_series(1, 5) AS n WHERE n < 4 OR pg_sleep(20) IS NULL", 2),
    ),
    "COPY": (
        CopyIn((6, 7)),
        CopyIn((1,)),
        CopyOut(ITEMS),
        CopyOut("SELECT 1 / (n - 2) FROM generate_series(1, 3) AS n"),
        CopyWhile(ITEMS, ITEMS),
    ),
    "temporary tables": (
        status("CREATE TEMPORARY TABLE scratch (n int)"),
        status("CREATE TEMPORARY TABLE scratch (n int) ON COMMIT DROP"),
        status("CREATE TEMPORARY TABLE scratch (n int) ON COMMIT DELETE ROWS"),
        status("INSERT INTO scratch VALUES (1)"),
        rows("SELECT n FROM scratch"),
        status("DROP TABLE scratch"),
    ),
    "sequences": (
        rows("SELECT nextval('programs.counter')"),
        rows("SELECT currval('programs.counter')"),
        rows("SELECT setval('programs.counter', 1000)"),
        status("ALTER SEQUENCE programs.counter RESTART WITH 2000"),
        rows("INSERT INTO programs.tickets (note) VALUES ('a ticket') RETURNING id"),
    ),
    "LISTEN and NOTIFY": (
        Listen(),
        Hear(),
        status("NOTIFY news, 'one'"),
        rows("SELECT pg_notify('news', 'two')::text"),
        status("INSERT INTO programs.tickets (note) VALUES ('announced')"),
    ),
    "DDL": (
        status("CREATE TABLE programs.extra (n int)"),
        status("INSERT INTO programs.extra VALUES (1)"),
        rows("SELECT n FROM programs.extra"),
        status("DROP TABLE programs.extra"),
        status("ALTER TABLE programs.items ADD COLUMN more int"),
        status("TRUNCATE programs.tickets"),
        rows("SELECT * FROM programs.items ORDER BY id"),
    ),
    "outside of transactions": (
        status("VACUUM programs.items"),
        status("CREATE INDEX CONCURRENTLY extra_index ON programs.items (value)"),
    ),
    "transactions by SQL": (
        status("BEGIN"),
        status("COMMIT"),
        status("ROLLBACK"),
        status("BEGIN; INSERT INTO programs.items VALUES (8, 0); COMMIT"),
        status("PREPARE TRANSACTION 'two phases'"),
    ),
    "prepared statements by SQL": (
        status("PREPARE counting AS SELECT count(*) FROM programs.items"),
        rows("EXECUTE counting"),
        status("DEALLOCATE counting"),
    ),
    "cancellation": (
        Cancel("SELECT pg_sleep(20)"),
        Cancel("UPDATE programs.items SET value = 11 WHERE id = (SELECT 1 FROM pg_sleep(20))"),
        Interrupt(),
        *(
            Abandon("UPDATE programs.items SET value = 12 WHERE id = 1 RETURNING id", turns)
            for turns in (0, 1, 2, 4)
        ),
        *(Abandon(ITEMS, turns) for turns in (1, 3)),
    ),
}

OBSERVATIONS: dict[str, tuple[Operation, ...]] = {
    "transactions": (rows(ITEMS),),
    "constraints that can be deferred": (rows("SELECT place FROM programs.places ORDER BY id"),),
    "settings of the transaction": (
        rows("SELECT coalesce(current_setting('app.tenant', true), '')"),
        rows("SHOW work_mem"),
    ),
    "settings of the session": (
        rows("SELECT coalesce(current_setting('app.tenant', true), '')"),
        rows("SHOW work_mem"),
    ),
    "roles": (rows("SELECT current_user = session_user"),),
    "advisory locks": (rows("SELECT pg_try_advisory_lock(1)"),),
    "temporary tables": (rows("SELECT n FROM scratch"),),
    "LISTEN and NOTIFY": (Hear(),),
    "DDL": (rows("SELECT n FROM programs.extra"),),
    "cursors of SQL": (rows("FETCH 1 FROM named"),),
    "prepared statements by SQL": (rows("EXECUTE counting"),),
}
"""What every session does at the end of a program about a feature."""
