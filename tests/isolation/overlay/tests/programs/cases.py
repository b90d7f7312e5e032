"""Programs with a name: each has failed once, or is what a feature is about.

A program that a random run finds is added here when the sandbox has learned it.
"""

from dataclasses import dataclass

from tests.programs.catalog import ITEMS, types
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
    Program,
    Run,
    Savepoint,
    Stream,
    program,
    rows,
    status,
)


@dataclass(frozen=True)
class Case:
    program: Program
    expected: frozenset[str]
    """The verdicts that are right."""

    freely: bool = False
    """Whether the sessions go on while one of them waits, as tasks do."""


def equal(*steps: tuple[int, Operation], freely: bool = False) -> Case:
    return Case(program(*steps), frozenset({"equal"}), freely)


def refused(*steps: tuple[int, Operation], freely: bool = False) -> Case:
    return Case(program(*steps), frozenset({"refused"}), freely)


def either(*steps: tuple[int, Operation], freely: bool = False) -> Case:
    return Case(program(*steps), frozenset({"equal", "refused"}), freely)


BEGIN = Begin()
COMMIT = Finish("commit")
ROLLBACK = Finish("rollback")
SAVEPOINT = Savepoint()
READ = rows(ITEMS)
TENANT = rows("SELECT coalesce(current_setting('app.tenant', true), '')")
INSERT_3 = status("INSERT INTO programs.items VALUES (3, 30)")
INSERT_4 = status("INSERT INTO programs.items VALUES (4, 40)")
UPSERT_3 = rows(
    "INSERT INTO programs.items VALUES (3, 33) ON CONFLICT (id) DO UPDATE SET value = 34 "
    "RETURNING value"
)
UPDATE_1 = status("UPDATE programs.items SET value = value + 1 WHERE id = 1")
UPDATE_2 = status("UPDATE programs.items SET value = value * 2 WHERE id = 2")
ALTER_ITEMS = status("ALTER TABLE programs.items ADD COLUMN more int")
READ_ALL = rows("SELECT * FROM programs.items ORDER BY id")
DIVIDE_BY_ZERO = rows("SELECT 1 / 0")
OPEN = OpenCursor(ITEMS)
FETCH_FROM_CURSOR = FetchFromCursor()
SCRATCH_DROPPED = status("CREATE TEMPORARY TABLE scratch (n int) ON COMMIT DROP")
SCRATCH_EMPTIED = status("CREATE TEMPORARY TABLE scratch (n int) ON COMMIT DELETE ROWS")
DROP_SCRATCH = status("DROP TABLE scratch")
SCRATCH = status("CREATE TEMPORARY TABLE scratch (n int)")
FILL_SCRATCH = status("INSERT INTO scratch VALUES (1)")
SEE_SCRATCH = rows("SELECT n FROM scratch")
DECLARE = status(f"DECLARE named CURSOR FOR {ITEMS}")
FETCH = rows("FETCH 1 FROM named")
PREPARE = status("PREPARE counting AS SELECT count(*) FROM programs.items")
EXECUTE = rows("EXECUTE counting")
NEXT = rows("SELECT nextval('programs.counter')")
LAST = rows("SELECT currval('programs.counter')")

CASES: dict[str, Case] = {
    "commit is seen by others": equal((0, BEGIN), (0, INSERT_3), (0, COMMIT), (1, READ)),
    "rollback undoes": equal((0, BEGIN), (0, INSERT_3), (0, ROLLBACK), (1, READ)),
    "the second writer of a row waits": equal(
        (0, BEGIN), (0, UPDATE_1), (1, UPDATE_1), (0, COMMIT), (1, READ)
    ),
    "two writers of different rows in turn are refused": refused(
        (0, BEGIN), (0, UPDATE_1), (1, UPDATE_2), (0, COMMIT)
    ),
    "vacuum is refused": refused((0, status("VACUUM programs.items"))),
    "a swallowed conflict is a finding": refused(
        (0, BEGIN), (0, INSERT_3), (1, INSERT_4), (0, COMMIT)
    ),
    "a lost connection in a writing transaction": either(
        (0, BEGIN), (0, INSERT_3), (0, Forget()), (1, INSERT_3), (1, READ)
    ),
    "setval is undone": either((0, rows("SELECT setval('programs.counter', 1000)"))),
    "an insert of the same key waits and fails": equal(
        (0, BEGIN), (0, INSERT_3), (1, INSERT_3), (0, COMMIT), (1, READ)
    ),
    "an insert of the same key waits and succeeds": equal(
        (0, BEGIN), (0, INSERT_3), (1, INSERT_3), (0, ROLLBACK), (1, READ)
    ),
    "a failed statement aborts the transaction": equal(
        (0, BEGIN), (0, rows("SELECT 1/0")), (0, READ), (0, COMMIT), (0, READ)
    ),
    "a savepoint saves the transaction": equal(
        (0, BEGIN),
        (0, INSERT_3),
        (0, SAVEPOINT),
        (0, INSERT_3),
        (0, ROLLBACK),
        (0, INSERT_4),
        (0, COMMIT),
        (1, READ),
    ),
    "a deferred constraint fails at the commit": equal(
        (0, BEGIN), (0, status("INSERT INTO programs.parts VALUES (2, 9)")), (0, COMMIT), (0, READ)
    ),
    "a deferred constraint can be repaired": equal(
        (0, BEGIN),
        (0, status("INSERT INTO programs.parts VALUES (2, 9)")),
        (0, status("INSERT INTO programs.items VALUES (9, 0)")),
        (0, COMMIT),
        (0, READ),
    ),
    "two places can be swapped if deferred": equal(
        (0, BEGIN),
        (0, status("SET CONSTRAINTS ALL DEFERRED")),
        (0, status("UPDATE programs.places SET place = 2 WHERE id = 1")),
        (0, status("UPDATE programs.places SET place = 1 WHERE id = 2")),
        (0, COMMIT),
        (0, rows("SELECT place FROM programs.places ORDER BY id")),
    ),
    "two places cannot be swapped at once": equal(
        (0, BEGIN), (0, status("UPDATE programs.places SET place = 2 WHERE id = 1")), (0, COMMIT)
    ),
    "deferring ends with the transaction": equal(
        (0, BEGIN),
        (0, status("SET CONSTRAINTS ALL DEFERRED")),
        (0, COMMIT),
        (0, status("UPDATE programs.places SET place = 2 WHERE id = 1")),
    ),
    "deferring ends with a writing transaction": equal(
        (0, BEGIN),
        (0, UPDATE_1),
        (0, status("SET CONSTRAINTS ALL DEFERRED")),
        (0, COMMIT),
        (0, status("UPDATE programs.places SET place = 2 WHERE id = 1")),
    ),
    "read only refuses writes": equal(
        (0, Begin(readonly=True)), (0, INSERT_3), (0, READ), (0, ROLLBACK), (0, INSERT_3)
    ),
    "a cancelled write leaves nothing": equal(
        (0, BEGIN),
        (
            0,
            Cancel(
                "UPDATE programs.items SET value = 11 WHERE id = 1 AND pg_sleep(20) IS NOT NULL"
            ),
        ),
        (0, READ),
        (0, ROLLBACK),
        (1, READ),
    ),
    "a cancelled wait leaves nothing": equal(
        (0, BEGIN), (0, UPDATE_1), (1, UPDATE_1), (1, Interrupt()), (0, COMMIT), (1, READ)
    ),
    "repeatable read alone": equal(
        (0, Begin("repeatable_read")), (0, READ), (0, UPDATE_1), (0, READ), (0, COMMIT), (1, READ)
    ),
    "commit by sql is refused": refused((0, BEGIN), (0, INSERT_3), (0, status("COMMIT"))),
    "begin by sql is refused": refused((0, status("BEGIN"))),
    "two phase commit is refused": refused(
        (0, BEGIN), (0, status("PREPARE TRANSACTION 'two phases'"))
    ),
    "local setting ends with its transaction": equal(
        (0, BEGIN),
        (0, status("SET LOCAL app.tenant = 'red'")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "copy in is rolled back": equal((0, BEGIN), (0, CopyIn((6, 7))), (0, ROLLBACK), (0, READ)),
    "freely writers come one after another": equal(
        (0, BEGIN), (0, UPDATE_1), (1, UPDATE_2), (1, READ), (0, COMMIT), (1, READ), freely=True
    ),
    "a closed connection rolls back": equal(
        (0, BEGIN), (0, INSERT_3), (0, Close()), (0, READ), (1, INSERT_3)
    ),
    "restart is undone": either(
        (0, status("ALTER SEQUENCE programs.counter RESTART WITH 2000")),
        (0, rows("SELECT nextval('programs.counter')")),
    ),
    "a lock of the session ends with the test": either(
        (0, rows("SELECT pg_advisory_lock(1)::text"))
    ),
    "set config with named arguments ends with its transaction": either(
        (0, BEGIN),
        (
            0,
            rows(
                "SELECT set_config(setting_name => 'app.tenant', "
                "new_value => 'a', is_local => true)"
            ),
        ),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "an advisory lock of a transaction ends with it": either(
        (0, BEGIN),
        (0, rows("SELECT pg_try_advisory_xact_lock(1)")),
        (0, COMMIT),
        (1, rows("SELECT pg_try_advisory_lock(1)")),
    ),
    "a cursor with hold outlives its transaction": either(
        (0, BEGIN),
        (0, status(f"DECLARE named CURSOR WITH HOLD FOR {ITEMS}")),
        (0, COMMIT),
        (0, rows("FETCH 1 FROM named")),
    ),
    "lock timeout beside a holder": either(
        (0, BEGIN),
        (0, UPDATE_1),
        (1, BEGIN),
        (1, status("SET LOCAL lock_timeout = '1ms'")),
        (1, UPDATE_1),
        (0, COMMIT),
        freely=True,
    ),
    "a lost update is refused in repeatable read": either(
        (0, Begin("repeatable_read")), (0, READ), (1, UPDATE_1), (0, UPDATE_1), freely=True
    ),
    "two statements in one message end with an error": either(
        (
            0,
            status(
                "INSERT INTO programs.items VALUES (3, 0); INSERT INTO programs.items VALUES (1, 0)"
            ),
        ),
        (0, READ),
    ),
    "a function of the application excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT programs.total()")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a word within a literal excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT 'update items' || count(*) FROM programs.places")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a window excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT row_number() OVER (ORDER BY id) FROM programs.places")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "an aggregate with filter excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT count(*) FILTER (WHERE id = 1) FROM programs.places")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a quoted column update excludes nobody": equal(
        (0, BEGIN),
        (0, rows('SELECT 1 AS "update"')),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a cursor excludes nobody": equal(
        (0, BEGIN),
        (0, OpenCursor(ITEMS)),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a stream excludes nobody": equal(
        (0, BEGIN),
        (0, Stream(ITEMS, 1)),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "copy out excludes nobody": equal(
        (0, BEGIN),
        (0, CopyOut(ITEMS)),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "current setting excludes nobody": equal(
        (0, BEGIN), (0, TENANT), (1, BEGIN), (1, INSERT_3), (1, COMMIT), (0, READ), (0, COMMIT)
    ),
    "txid excludes nobody": equal(
        (0, BEGIN),
        (0, types("SELECT pg_current_xact_id_if_assigned(), pg_backend_pid()")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "show excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SHOW work_mem")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a body in dollars": equal(
        (0, status("DO $$ BEGIN INSERT INTO programs.items VALUES (3, 0); END $$")), (1, READ)
    ),
    "several statements in one message": equal(
        (
            0,
            status(
                "INSERT INTO programs.items VALUES (3, 0); INSERT INTO programs.items VALUES (4, 0)"
            ),
        ),
        (1, READ),
    ),
    "a notification arrives at the commit": either(
        (0, Listen()),
        (1, BEGIN),
        (1, status("NOTIFY news, 'one'")),
        (0, Hear()),
        (1, COMMIT),
        (0, Hear()),
    ),
    "a notification of a rolled back transaction never arrives": equal(
        (0, Listen()), (1, BEGIN), (1, status("NOTIFY news, 'one'")), (1, ROLLBACK), (0, Hear())
    ),
    "a session hears itself": equal(
        (0, Listen()), (0, rows("SELECT pg_notify('news', 'two')::text")), (0, Hear())
    ),
    "a notification is sent once and in order": equal(
        (0, Listen()),
        (1, BEGIN),
        (1, rows("SELECT pg_notify('news', 'two')::text")),
        (1, status("NOTIFY news, 'one'")),
        (1, rows("SELECT pg_notify('news', 'two')::text")),
        (1, COMMIT),
        (0, Hear()),
    ),
    "a notification of a savepoint that was rolled back never arrives": equal(
        (0, Listen()),
        (1, BEGIN),
        (1, status("NOTIFY news, 'one'")),
        (1, Savepoint()),
        (1, rows("SELECT pg_notify('news', 'two')::text")),
        (1, ROLLBACK),
        (1, COMMIT),
        (0, Hear()),
    ),
    "notifications of a query arrive": equal(
        (0, Listen()),
        (1, rows("SELECT pg_notify('news', id::text)::text FROM programs.items ORDER BY id")),
        (0, Hear()),
    ),
    "a notification waits for the end of the listener's transaction": equal(
        (0, Listen()),
        (0, BEGIN),
        (1, status("NOTIFY news, 'one'")),
        (0, Hear()),
        (0, COMMIT),
        (0, Hear()),
    ),
    "to listen in a transaction that is rolled back is not to listen": equal(
        (0, BEGIN),
        (0, Listen()),
        (0, ROLLBACK),
        (1, status("NOTIFY news, 'one'")),
        (0, Hear()),
    ),
    "a closed connection hears no more": equal(
        (0, Listen()), (0, Close()), (1, status("NOTIFY news, 'one'")), (0, Hear())
    ),
    "who does not listen any more hears nothing": equal(
        (0, Listen()),
        (0, status("UNLISTEN news")),
        (1, status("NOTIFY news, 'one'")),
        (0, Hear()),
    ),
    "a payload can be too long": equal(
        (0, Listen()),
        (1, rows("SELECT pg_notify('news', repeat('x', 8000))::text")),
        (1, status("NOTIFY news, 'one'")),
        (0, Hear()),
    ),
    "a notification of a trigger arrives": equal(
        (0, Listen()),
        (1, status("INSERT INTO programs.tickets (note) VALUES ('announced')")),
        (0, Hear()),
    ),
    "a reader beside a writer": either(
        (0, BEGIN), (0, UPDATE_1), (1, READ), (0, COMMIT), freely=True
    ),
    "a reader beside an insert": either(
        (0, BEGIN), (0, INSERT_3), (1, READ), (0, COMMIT), freely=True
    ),
    "nowait beside a holder": either(
        (0, BEGIN),
        (0, rows("SELECT value FROM programs.items WHERE id = 1 FOR UPDATE")),
        (1, BEGIN),
        (1, rows("SELECT value FROM programs.items WHERE id = 1 FOR UPDATE NOWAIT")),
        (0, COMMIT),
        freely=True,
    ),
    "skip locked beside a holder": either(
        (0, BEGIN),
        (0, rows("SELECT id FROM programs.items ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1")),
        (1, rows("SELECT id FROM programs.items ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1")),
        (0, COMMIT),
        freely=True,
    ),
    "write skew": either(
        (0, Begin("serializable")),
        (1, Begin("serializable")),
        (0, rows("SELECT sum(value) FROM programs.items")),
        (1, rows("SELECT sum(value) FROM programs.items")),
        (0, INSERT_3),
        (1, INSERT_4),
        (0, COMMIT),
        (1, COMMIT),
    ),
    "a changed table is seen by others": either(
        (1, rows("SELECT * FROM programs.items ORDER BY id")),
        (0, status("ALTER TABLE programs.items ADD COLUMN more int")),
        (1, rows("SELECT * FROM programs.items ORDER BY id")),
    ),
    "set config with a comma ends with its transaction": either(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', 'a, b', true)")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "set config with a parenthesis ends with its transaction": either(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', 'a(b', true)")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "set config with an expression ends with its transaction": either(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', concat('a', left('bc', 1)), true)")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "set config with a cast of its name ends with its transaction": either(
        (0, BEGIN),
        (0, rows("SELECT set_config(('app.' || 'tenant'), 'a', true)")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "set config with an expression for local ends with its transaction": either(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', 'a', 1 = 1)")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "set config with is local of on": either(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', 'a', 'on')")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, TENANT),
    ),
    "local setting goes back to that of the session": either(
        (0, status("SET work_mem = '6MB'")),
        (0, BEGIN),
        (0, status("SET LOCAL work_mem = '5MB'")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, rows("SHOW work_mem")),
    ),
    "isolation level cannot be set after a query": either(
        (0, BEGIN), (0, READ), (0, status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
    ),
    "isolation level can be set first": either(
        (0, BEGIN),
        (0, status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")),
        (0, READ),
        (0, COMMIT),
    ),
    "set transaction outside of one": either(
        (0, status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
    ),
    "a read only transaction shows it": either(
        (0, Begin(readonly=True)), (0, rows("SHOW transaction_read_only"))
    ),
    "a serializable transaction shows it": either(
        (0, Begin("serializable")), (0, rows("SHOW transaction_isolation"))
    ),
    "lock table outside of a transaction": either(
        (0, status("LOCK TABLE programs.items IN SHARE MODE"))
    ),
    "declare outside of a transaction": either((0, status(f"DECLARE named CURSOR FOR {ITEMS}"))),
    "savepoint outside of a transaction": either((0, status("SAVEPOINT mine"))),
    "repeatable read sees its snapshot": either(
        (0, Begin("repeatable_read")), (0, READ), (1, UPDATE_1), (0, READ), (0, COMMIT)
    ),
    "random excludes nobody": equal(
        (0, BEGIN),
        (0, types("SELECT random()")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "gen random uuid excludes nobody": equal(
        (0, BEGIN),
        (0, types("SELECT gen_random_uuid()")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "clock timestamp excludes nobody": equal(
        (0, BEGIN),
        (0, types("SELECT clock_timestamp()")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "with recursive excludes nobody": equal(
        (0, BEGIN),
        (
            0,
            rows(
                "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 3) "
                "TABLE t"
            ),
        ),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "values excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT v.a FROM (VALUES (1, 2), (3, 4)) AS v(a, b) ORDER BY a")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "unnest excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT u.x FROM unnest(ARRAY[1, 2]) AS u(x) ORDER BY x")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "explain excludes nobody": equal(
        (0, BEGIN),
        (0, Run("EXPLAIN SELECT * FROM programs.items", counts="success")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "nested comments excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT /* a /* nested */ comment; */ count(*) FROM programs.places")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a cte excludes nobody": equal(
        (0, BEGIN),
        (0, rows("WITH a(x) AS (SELECT 1) SELECT x FROM a")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "json table functions excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT * FROM jsonb_to_recordset('[{\"a\": 1}]') AS r(a int)")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a lateral alias excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT s.n FROM generate_series(1, 2) AS s(n) ORDER BY n")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a column named share excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT 1 AS share")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "set tenant locally excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', 'red', true)")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "a savepoint excludes nobody": equal(
        (0, BEGIN), (0, SAVEPOINT), (1, BEGIN), (1, INSERT_3), (1, COMMIT), (0, READ), (0, COMMIT)
    ),
    "set local excludes nobody": equal(
        (0, BEGIN),
        (0, status("SET LOCAL work_mem = '5MB'")),
        (1, BEGIN),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        (0, COMMIT),
    ),
    "currval excludes nobody": equal(
        (0, BEGIN),
        (0, rows("SELECT nextval('programs.counter')")),
        (0, COMMIT),
        (0, BEGIN),
        (0, rows("SELECT currval('programs.counter')")),
        (1, INSERT_3),
        (0, COMMIT),
    ),
    "a repeatable read excludes nobody": equal(
        (0, Begin("repeatable_read")), (0, READ), (1, INSERT_3), (0, COMMIT), (0, READ)
    ),
    "a serializable read excludes nobody": equal(
        (0, Begin("serializable", readonly=True)), (0, READ), (1, INSERT_3), (0, COMMIT), (0, READ)
    ),
    "local settings are there again in the next turn": equal(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', 'red', true)")),
        (1, UPDATE_1),
        (0, TENANT),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a local role is there again in the next turn": equal(
        (0, BEGIN),
        (0, status("SET LOCAL ROLE pg_read_all_data")),
        (1, UPDATE_1),
        (0, rows("SELECT current_user = session_user")),
        (0, COMMIT),
        (0, rows("SELECT current_user = session_user")),
    ),
    "a body of begin atomic": equal(
        (
            0,
            status(
                "CREATE FUNCTION programs.two() RETURNS int LANGUAGE sql "
                "BEGIN ATOMIC SELECT 1; SELECT 2; END"
            ),
        ),
        (0, rows("SELECT programs.two()")),
    ),
    "a local role goes back to that of the session": equal(
        (0, status("SET ROLE pg_read_all_data")),
        (0, BEGIN),
        (0, status("SET LOCAL ROLE NONE")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, rows("SELECT current_user = session_user")),
        (0, status("RESET ROLE")),
    ),
    "a local search path goes back to that of the session": equal(
        (0, status("SET search_path = programs, public")),
        (0, BEGIN),
        (0, status("SET LOCAL search_path = public")),
        (0, UPDATE_1),
        (0, COMMIT),
        (0, rows("SELECT count(*) FROM items")),
        (0, status("RESET search_path")),
    ),
    "a local setting of a block ends with its transaction": equal(
        (0, BEGIN),
        (0, status("DO $$ BEGIN PERFORM set_config('app.tenant', 'red', true); END $$")),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a local setting before a savepoint is there again after its rollback": equal(
        (0, BEGIN),
        (0, status("SET LOCAL app.tenant = 'red'")),
        (0, SAVEPOINT),
        (0, status("SET LOCAL app.tenant = 'blue'")),
        (1, UPDATE_1),
        (0, TENANT),
        (0, ROLLBACK),
        (0, TENANT),
        (1, TENANT),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a savepoint saves a transaction that has only read": equal(
        (0, BEGIN),
        (0, status("SAVEPOINT mine")),
        (0, rows("SELECT 1 / 0")),
        (0, READ),
        (1, INSERT_3),
        (0, status("ROLLBACK TO SAVEPOINT mine")),
        (0, READ),
        (0, status("RELEASE SAVEPOINT mine")),
        (0, INSERT_4),
        (0, COMMIT),
        (1, READ),
    ),
    "a savepoint that does not exist": equal(
        (0, BEGIN), (0, status("ROLLBACK TO SAVEPOINT mine")), (0, READ), (0, COMMIT), (0, READ)
    ),
    "explain analyze writes what it explains": equal(
        (0, BEGIN),
        (
            0,
            Run(
                "EXPLAIN ANALYZE INSERT INTO programs.items SELECT 3, 30",
                counts="success",
            ),
        ),
        (0, ROLLBACK),
        (0, READ),
    ),
    "a new function that writes is not taken for a read": equal(
        (
            0,
            status(
                "CREATE FUNCTION programs.fill() RETURNS void LANGUAGE sql BEGIN ATOMIC "
                "INSERT INTO programs.items VALUES (3, CASE WHEN true THEN 30 END); END"
            ),
        ),
        (0, BEGIN),
        (0, rows("SELECT programs.fill()::text")),
        (0, ROLLBACK),
        (0, READ),
    ),
    "the body of a function ends no transaction": equal(
        (
            0,
            status(
                "CREATE FUNCTION programs.two() RETURNS int LANGUAGE sql "
                "AS $body$ SELECT 1; SELECT 2; $body$; SELECT 3"
            ),
        ),
        (0, rows("SELECT programs.two()")),
    ),
    "isolation level cannot be set after a savepoint": equal(
        (0, BEGIN), (0, SAVEPOINT), (0, status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
    ),
    "isolation level can be set again to the same": equal(
        (0, Begin("serializable")),
        (0, READ),
        (0, status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")),
        (0, rows("SHOW TRANSACTION ISOLATION LEVEL")),
    ),
    "a transaction that sets itself read only shows it and cannot write": equal(
        (0, BEGIN),
        (0, READ),
        (0, status("SET TRANSACTION READ ONLY")),
        (0, rows("SHOW transaction_read_only")),
        (0, INSERT_3),
    ),
    "a transaction cannot become read write after a query": equal(
        (0, Begin(readonly=True)), (0, READ), (0, status("SET TRANSACTION READ WRITE"))
    ),
    "a snapshot is taken by the first query": equal(
        (0, Begin("repeatable_read")),
        (0, status("SET LOCAL app.tenant = 'red'")),
        (1, INSERT_3),
        (0, READ),
        (0, COMMIT),
    ),
    "a cursor of the driver keeps its rows": equal(
        (0, BEGIN),
        (0, OpenCursor(ITEMS)),
        (1, UPDATE_1),
        (0, FetchFromCursor()),
        (0, FetchFromCursor()),
        (0, COMMIT),
        (0, FetchFromCursor()),
    ),
    "copy into a callback that uses another session": equal((0, CopyWhile(ITEMS, ITEMS))),
    "rows before an error arrive": equal(
        (0, BEGIN), (0, Stream("SELECT 10 / (4 - n) FROM generate_series(1, 10) AS n", 5))
    ),
    "an endless stream can be left": equal(
        (0, BEGIN),
        (
            0,
            Stream(
                "SELECT n FROM generate_series(1, 5) AS n WHERE n < 4 OR pg_sleep(20) IS NULL", 2
            ),
        ),
        (0, READ),
    ),
    "a long stream has the connection to itself": equal(
        (0, BEGIN),
        # Not in FROM, where PostgreSQL would first write all numbers to a temporary file.
        (0, Stream("SELECT generate_series(1, 100000000)", 3)),
        (0, READ),
        (0, COMMIT),
        (1, INSERT_3),
        (1, status("ALTER TABLE programs.items ADD COLUMN another int")),
    ),
    "a cursor ends with its savepoint": equal(
        (0, BEGIN),
        (0, INSERT_3),
        (0, Savepoint()),
        (0, OpenCursor(ITEMS)),
        (0, ROLLBACK),
        (0, FetchFromCursor()),
    ),
    "a cursor in a savepoint that is rolled back": equal(
        (0, BEGIN),
        (0, INSERT_3),
        (0, Savepoint()),
        (0, OpenCursor(ITEMS)),
        (0, ROLLBACK),
        (0, COMMIT),
        (1, READ),
    ),
    "a stream of a session that writes": equal(
        (0, BEGIN),
        (0, INSERT_3),
        (0, OpenCursor(ITEMS)),
        (0, FetchFromCursor()),
        (0, INSERT_4),
        (0, Stream("SELECT 10 / (4 - n) FROM generate_series(1, 10) AS n", 2)),
        (0, FetchFromCursor()),
        (0, COMMIT),
        (1, status("ALTER TABLE programs.items ADD COLUMN another int")),
    ),
    "a materialized view is refreshed beside its readers": equal(
        (
            1,
            status(
                "CREATE MATERIALIZED VIEW programs.sums AS SELECT sum(value) FROM programs.items"
            ),
        ),
        (1, status("CREATE UNIQUE INDEX ON programs.sums (sum)")),
        (0, BEGIN),
        (0, rows("SELECT sum FROM programs.sums")),
        (1, INSERT_3),
        (1, status("REFRESH MATERIALIZED VIEW CONCURRENTLY programs.sums")),
        (0, rows("SELECT sum FROM programs.sums")),
        (0, COMMIT),
    ),
    "a materialized view is refreshed once its readers have gone": either(
        (
            1,
            status(
                "CREATE MATERIALIZED VIEW programs.sums AS SELECT sum(value) FROM programs.items"
            ),
        ),
        (0, BEGIN),
        (0, rows("SELECT sum FROM programs.sums")),
        (1, status("REFRESH MATERIALIZED VIEW programs.sums")),
        (0, COMMIT),
    ),
    "an advisory lock is granted once": either(
        (0, rows("SELECT pg_advisory_lock(1)::text")),
        (1, rows("SELECT pg_advisory_lock(1)::text")),
        (0, rows("SELECT pg_advisory_unlock(1)")),
    ),
    "leader election": either(
        (0, rows("SELECT pg_try_advisory_lock(1)")), (1, rows("SELECT pg_try_advisory_lock(1)"))
    ),
    "an advisory lock of another cannot be released": either(
        (0, rows("SELECT pg_advisory_lock(1)::text")), (1, rows("SELECT pg_advisory_unlock(1)"))
    ),
    "an advisory lock of a session outlives its transaction's rollback": either(
        (0, BEGIN),
        (0, rows("SELECT pg_try_advisory_lock(1)")),
        (0, ROLLBACK),
        (1, rows("SELECT pg_try_advisory_lock(1)")),
    ),
    "an advisory lock of a closed connection is released": either(
        (0, rows("SELECT pg_try_advisory_lock(1)")),
        (0, Close()),
        (1, rows("SELECT pg_try_advisory_lock(1)")),
        (0, rows("SELECT pg_try_advisory_lock(1)")),
    ),
    "a setting belongs to its session": either((0, status("SET app.tenant = 'red'")), (1, TENANT)),
    "a setting by function belongs to its session": either(
        (0, rows("SELECT set_config('app.tenant', 'red', false)")), (1, TENANT)
    ),
    "a setting of the server belongs to its session": either(
        (0, status("SET work_mem = '6MB'")), (1, rows("SHOW work_mem"))
    ),
    "a setting of a closed connection is gone": either(
        (0, status("SET work_mem = '6MB'")), (0, Close()), (0, rows("SHOW work_mem"))
    ),
    "a role belongs to its session": either(
        (0, status("SET ROLE pg_read_all_data")), (1, rows("SELECT current_user = session_user"))
    ),
    "default read only is obeyed": either(
        (0, status("SET default_transaction_read_only = on")), (0, INSERT_3)
    ),
    "try lock beside a holder": either(
        (0, BEGIN),
        (0, rows("SELECT pg_try_advisory_xact_lock(1)")),
        (1, rows("SELECT pg_try_advisory_xact_lock(1)")),
        (0, COMMIT),
        freely=True,
    ),
    "a temporary table belongs to its session": either(
        (0, SCRATCH), (0, FILL_SCRATCH), (1, SEE_SCRATCH), (0, SEE_SCRATCH)
    ),
    "two temporary tables of one name": either(
        (0, SCRATCH), (1, SCRATCH), (0, FILL_SCRATCH), (1, SEE_SCRATCH)
    ),
    "a temporary table is dropped at the commit": equal(
        (0, BEGIN),
        (0, status("CREATE TEMPORARY TABLE scratch (n int) ON COMMIT DROP")),
        (0, FILL_SCRATCH),
        (0, SEE_SCRATCH),
        (0, COMMIT),
        (0, SEE_SCRATCH),
        (1, SCRATCH),
        (1, SEE_SCRATCH),
    ),
    "a temporary table is emptied at each commit": equal(
        (0, status("CREATE TEMP TABLE IF NOT EXISTS scratch (n int) ON COMMIT DELETE ROWS")),
        (0, BEGIN),
        (0, FILL_SCRATCH),
        (0, SEE_SCRATCH),
        (0, COMMIT),
        (0, SEE_SCRATCH),
        (0, FILL_SCRATCH),
        (0, SEE_SCRATCH),
    ),
    "a temporary table that a block creates is dropped at the commit": equal(
        (0, BEGIN),
        (0, status("DO $$ BEGIN CREATE TEMP TABLE scratch (n int) ON COMMIT DROP; END $$")),
        (0, FILL_SCRATCH),
        (0, COMMIT),
        (0, SEE_SCRATCH),
    ),
    "a temporary table that is rolled back": either(
        (0, BEGIN),
        (0, status("CREATE TEMPORARY TABLE scratch (n int) ON COMMIT DROP")),
        (0, ROLLBACK),
        (1, SCRATCH),
        (1, FILL_SCRATCH),
        (1, SEE_SCRATCH),
        (0, SEE_SCRATCH),
    ),
    "a temporary table is gone with its connection": equal(
        (0, SCRATCH), (0, FILL_SCRATCH), (0, Close()), (1, SEE_SCRATCH), (1, SCRATCH)
    ),
    "a temporary table hides another table from its session only": either(
        (0, status("CREATE TEMPORARY TABLE tickets (n int)")), (1, rows("TABLE tickets"))
    ),
    "a temporary view belongs to its session": either(
        (0, status("CREATE TEMPORARY VIEW scratch AS SELECT 1 AS n")),
        (1, SEE_SCRATCH),
        (0, Close()),
        (1, SEE_SCRATCH),
    ),
    "a cursor ends with its transaction": equal(
        (0, BEGIN),
        (0, DECLARE),
        (0, FETCH),
        (0, COMMIT),
        (0, FETCH),
        (1, BEGIN),
        (1, status("DECLARE named CURSOR FOR SELECT 'another', 1, 2")),
        (1, FETCH),
    ),
    "a cursor belongs to its session": either((0, BEGIN), (0, DECLARE), (1, FETCH), (0, FETCH)),
    "a cursor keeps its rows": either(
        (0, BEGIN), (0, DECLARE), (0, FETCH), (1, UPDATE_2), (0, FETCH), (0, COMMIT), (1, READ)
    ),
    "a prepared statement belongs to its session": either((0, PREPARE), (1, EXECUTE)),
    "two prepared statements of one name": either(
        (0, PREPARE), (1, status("PREPARE counting AS SELECT 7")), (0, EXECUTE), (1, EXECUTE)
    ),
    "a prepared statement outlives a rollback": equal(
        (0, BEGIN), (0, PREPARE), (0, ROLLBACK), (0, EXECUTE)
    ),
    "a prepared statement is gone with its connection": equal(
        (0, PREPARE), (0, EXECUTE), (0, Close()), (1, EXECUTE), (1, PREPARE), (1, EXECUTE)
    ),
    "another session drops all prepared statements": either(
        (0, PREPARE), (1, status("DEALLOCATE ALL")), (0, EXECUTE)
    ),
    "the last value of a sequence belongs to its session": either((0, NEXT), (1, LAST)),
    "the last value of a sequence is the session's own": either(
        (0, NEXT), (1, NEXT), (1, NEXT), (0, LAST)
    ),
    "the last value of a sequence that was not used": equal((0, INSERT_3), (0, LAST)),
    "the last value of a sequence": equal((0, NEXT), (0, LAST), (0, rows("SELECT lastval()"))),
    "a role is gone with its transaction": equal(
        (0, BEGIN),
        (0, status("SET LOCAL ROLE pg_read_all_data")),
        (0, INSERT_3),
        (0, ROLLBACK),
        (0, INSERT_3),
        (1, INSERT_4),
    ),
    "a role of a reader goes on beside others": equal(
        (0, BEGIN),
        (0, status("SET LOCAL ROLE pg_read_all_data")),
        (0, READ),
        (1, INSERT_3),
        (0, rows("SELECT current_user")),
        (0, INSERT_4),
        (0, COMMIT),
        (0, rows("SELECT current_user = session_user")),
    ),
    "read only ends with its savepoint": equal(
        (0, BEGIN),
        (0, SAVEPOINT),
        (0, status("SET TRANSACTION READ ONLY")),
        (0, COMMIT),
        (0, INSERT_3),
        (0, COMMIT),
    ),
    "read only ends with the rollback to its savepoint": equal(
        (0, BEGIN),
        (0, status("SAVEPOINT mine")),
        (0, status("SET TRANSACTION READ ONLY")),
        (0, INSERT_3),
        (0, status("ROLLBACK TO SAVEPOINT mine")),
        (0, INSERT_3),
        (0, COMMIT),
    ),
    "an isolation level is too late in a savepoint": equal(
        (0, BEGIN),
        (0, SAVEPOINT),
        (0, status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")),
    ),
    "rows are deleted at the commit of a single statement": equal(
        (0, status("CREATE TEMPORARY TABLE scratch (n int) ON COMMIT DELETE ROWS")),
        (0, FILL_SCRATCH),
        (0, SEE_SCRATCH),
    ),
    "two sessions have cursors of one name": either(
        (0, BEGIN), (0, DECLARE), (1, BEGIN), (1, DECLARE), freely=True
    ),
    "a value that was added to an enum": either(
        (0, status("CREATE TYPE programs.mood AS ENUM ('sad')")),
        (0, status("ALTER TYPE programs.mood ADD VALUE 'happy'")),
        (0, rows("SELECT 'happy'::programs.mood::text")),
    ),
    "a value that was added to an enum and is used too early": either(
        (0, BEGIN),
        (0, status("ALTER TYPE programs.colour ADD VALUE 'green'")),
        (0, rows("SELECT 'green'::programs.colour::text")),
    ),
    "a procedure that commits": either(
        (
            0,
            status(
                "CREATE PROCEDURE programs.commit_twice() LANGUAGE plpgsql AS "
                "'BEGIN INSERT INTO programs.items VALUES (3, 30); COMMIT; END'"
            ),
        ),
        (0, status("CALL programs.commit_twice()")),
        (1, READ),
    ),
    "a role that must not use the schema of a deferred constraint commits": equal(
        (0, status("CREATE SCHEMA hidden")),
        (0, status("CREATE TABLE hidden.parts (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")),
        (0, status("SET ROLE pg_write_all_data")),
        (0, status("INSERT INTO programs.items VALUES (5, 0)")),
        (0, rows("SELECT current_user")),
        (0, status("RESET ROLE")),
        (0, status("DROP SCHEMA hidden CASCADE")),
    ),
    "a session listens to what it has notified of before": either(
        (0, BEGIN), (0, status("NOTIFY news, 'one'")), (0, Listen()), (0, COMMIT), (0, Hear())
    ),
    "a function sets a tenant for its transaction": equal(
        (
            0,
            status(
                "CREATE FUNCTION programs.be(t text) RETURNS void LANGUAGE sql AS "
                "$$ SELECT set_config('app.tenant', t, true) $$"
            ),
        ),
        (0, BEGIN),
        (0, rows("SELECT programs.be('red')::text")),
        (0, TENANT),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a trigger sets a tenant for its transaction": equal(
        (
            0,
            status(
                "CREATE FUNCTION programs.be() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN SET LOCAL app.tenant = 'red'; RETURN NULL; END $$"
            ),
        ),
        (
            0,
            status(
                "CREATE TRIGGER be AFTER INSERT ON programs.items "
                "FOR EACH ROW EXECUTE FUNCTION programs.be()"
            ),
        ),
        (0, BEGIN),
        (0, INSERT_3),
        (0, TENANT),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a function sets any parameter for its transaction": either(
        (
            0,
            status(
                "CREATE FUNCTION programs.be(n text, t text) RETURNS void LANGUAGE sql AS "
                "$$ SELECT set_config(n, t, true) $$"
            ),
        ),
        (0, BEGIN),
        (0, rows("SELECT programs.be('app.tenant', 'red')::text")),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a prepared statement sets a tenant for its transaction": either(
        (0, status("PREPARE tenant AS SELECT set_config('app.tenant', 'red', true)")),
        (0, BEGIN),
        (0, rows("EXECUTE tenant")),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a read only transaction listens and notifies": equal(
        (0, Begin(readonly=True)),
        (0, Listen()),
        (0, status("NOTIFY news, 'one'")),
        (0, COMMIT),
        (0, Hear()),
    ),
    "the channels of a session": either((0, Listen()), (0, rows("SELECT pg_listening_channels()"))),
    "reset all does not forget a notification": either(
        (0, Listen()),
        (0, BEGIN),
        (0, status("NOTIFY news, 'one'")),
        (0, status("RESET ALL")),
        (0, COMMIT),
        (0, Hear()),
    ),
    "a setting of the session replaces that of the transaction": equal(
        (0, BEGIN),
        (0, status("SET LOCAL app.tenant = 'red'")),
        (0, status("SET app.tenant = 'green'")),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a setting of the session by function replaces that of the transaction": equal(
        (0, BEGIN),
        (0, rows("SELECT set_config('app.tenant', 'red', true)")),
        (0, rows("SELECT set_config($1, $2, $3)", "app.tenant", "green", False)),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a setting that is reset is not that of the transaction": equal(
        (0, status("SET work_mem = '6MB'")),
        (0, BEGIN),
        (0, status("SET LOCAL work_mem = '5MB'")),
        (0, status("RESET work_mem")),
        (0, COMMIT),
        (0, rows("SHOW work_mem")),
    ),
    "a role of the session replaces that of the transaction": equal(
        (0, BEGIN),
        (0, status("SET LOCAL ROLE pg_read_all_data")),
        (0, status("SET SESSION ROLE pg_read_all_data")),
        (0, COMMIT),
        (0, rows("SELECT current_user = session_user")),
    ),
    "a setting of the transaction replaces that of the session until its end": equal(
        (0, BEGIN),
        (0, status("SET app.tenant = 'green'")),
        (0, status("SET LOCAL app.tenant = 'red'")),
        (0, TENANT),
        (0, COMMIT),
        (0, TENANT),
    ),
    "a setting of the session is rolled back with its transaction": equal(
        (0, BEGIN), (0, status("SET app.tenant = 'green'")), (0, ROLLBACK), (0, TENANT)
    ),
    "a setting of the session is rolled back with its savepoint": equal(
        (0, BEGIN),
        (0, status("SET LOCAL app.tenant = 'red'")),
        (0, SAVEPOINT),
        (0, status("SET app.tenant = 'green'")),
        (0, ROLLBACK),
        (0, TENANT),
        (0, COMMIT),
        (0, TENANT),
    ),
    "the last value of a sequence that others have used is not the session's": either(
        (1, NEXT), (0, BEGIN), (0, INSERT_3), (0, LAST)
    ),
    "the last value of a sequence after a rollback": either(
        (0, BEGIN), (0, NEXT), (0, ROLLBACK), (1, LAST), (0, LAST)
    ),
    "the last value of a sequence after a commit": equal(
        (0, NEXT), (0, BEGIN), (0, INSERT_3), (0, LAST), (0, COMMIT), (0, LAST)
    ),
    "a cursor of the driver is gone in the next transaction": equal(
        (0, BEGIN),
        (0, OpenCursor(ITEMS)),
        (0, COMMIT),
        (0, FetchFromCursor()),
        (0, BEGIN),
        (0, FetchFromCursor()),
    ),
    "a session listens to what a trigger has notified of before": either(
        (0, BEGIN),
        (0, status("INSERT INTO programs.tickets (note) VALUES ('announced')")),
        (0, Listen()),
        (0, COMMIT),
        (0, Hear()),
    ),
    "a session that has written listens": equal(
        (0, BEGIN),
        (0, INSERT_3),
        (0, Listen()),
        (0, COMMIT),
        (1, status("NOTIFY news, 'one'")),
        (0, Hear()),
    ),
    "a repeatable read that waited for a writer has an earlier snapshot": either(
        (1, BEGIN), (1, UPDATE_1), (0, Begin("repeatable_read")), (0, UPDATE_1), (1, COMMIT)
    ),
    "a repeatable read that inserts after it waited": either(
        (1, BEGIN), (1, INSERT_3), (0, Begin("serializable")), (0, INSERT_4), (1, COMMIT)
    ),
    "an isolation level can be set after a savepoint has ended": equal(
        (0, BEGIN),
        (0, SAVEPOINT),
        (0, COMMIT),
        (0, status("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")),
        (0, rows("SHOW transaction_isolation")),
    ),
    "a cursor of the driver ends with the rollback to its savepoint": equal(
        (0, BEGIN),
        (0, SAVEPOINT),
        (0, OPEN),
        (0, ROLLBACK),
        (0, FETCH_FROM_CURSOR),
        (0, READ),
        (0, COMMIT),
    ),
    "a cursor of the driver ends with the rollback to a savepoint around its own": equal(
        (0, BEGIN),
        (0, status("SAVEPOINT mine")),
        (0, SAVEPOINT),
        (0, OPEN),
        (0, COMMIT),
        (0, FETCH_FROM_CURSOR),
        (0, status("ROLLBACK TO SAVEPOINT mine")),
        (0, FETCH_FROM_CURSOR),
    ),
    "a cursor of the driver goes on after the rollback to a later savepoint": equal(
        (0, BEGIN),
        (0, OPEN),
        (0, SAVEPOINT),
        (0, FETCH_FROM_CURSOR),
        (0, DIVIDE_BY_ZERO),
        (0, FETCH_FROM_CURSOR),
        (0, ROLLBACK),
        (0, FETCH_FROM_CURSOR),
    ),
    "a cursor of the driver that is gone fails the next transaction": equal(
        (0, BEGIN),
        (0, OPEN),
        (0, COMMIT),
        (0, BEGIN),
        (0, INSERT_3),
        (0, FETCH_FROM_CURSOR),
        (0, INSERT_4),
        (0, COMMIT),
        (0, READ),
    ),
    "a cursor of the driver in a transaction that has failed": equal(
        (0, BEGIN), (0, OPEN), (0, DIVIDE_BY_ZERO), (0, FETCH_FROM_CURSOR), (0, COMMIT)
    ),
    "a cursor of the driver in a writing transaction that has failed": equal(
        (0, BEGIN),
        (0, OPEN),
        (0, INSERT_3),
        (0, DIVIDE_BY_ZERO),
        (0, FETCH_FROM_CURSOR),
        (0, COMMIT),
    ),
    "a cursor of the driver that has no more rows is not asked": equal(
        (0, BEGIN),
        (0, OPEN),
        (0, FETCH_FROM_CURSOR),
        (0, FETCH_FROM_CURSOR),
        (0, FETCH_FROM_CURSOR),
        (0, DIVIDE_BY_ZERO),
        (0, FETCH_FROM_CURSOR),
        (0, COMMIT),
        (0, BEGIN),
        (0, FETCH_FROM_CURSOR),
    ),
    "all cursors are closed": equal(
        (0, BEGIN), (0, OPEN), (0, status("CLOSE ALL")), (0, FETCH_FROM_CURSOR), (0, READ)
    ),
    "a table that a cursor of the driver reads cannot be changed": equal(
        (0, BEGIN), (0, OPEN), (0, FETCH_FROM_CURSOR), (0, ALTER_ITEMS), (0, COMMIT), (0, READ_ALL)
    ),
    "a table that a cursor of the driver reads cannot be emptied": equal(
        (0, BEGIN), (0, OPEN), (0, status("TRUNCATE programs.items CASCADE")), (0, COMMIT)
    ),
    "a table that a cursor of the driver does not read can be changed": equal(
        (0, BEGIN),
        (0, OPEN),
        (0, status("ALTER TABLE programs.tickets ADD COLUMN more int")),
        (0, FETCH_FROM_CURSOR),
        (0, COMMIT),
        (1, ALTER_ITEMS),
    ),
    "a table that a stream reads cannot be changed": equal(
        (0, BEGIN), (0, Stream(ITEMS, 1)), (0, ALTER_ITEMS), (0, COMMIT), (0, READ_ALL)
    ),
    "a table that a stream has read to its end can be changed": equal(
        (0, BEGIN),
        (0, INSERT_3),
        (0, Stream(ITEMS, 5)),
        (0, ALTER_ITEMS),
        (0, COMMIT),
        (0, READ_ALL),
    ),
    "a temporary table that could not be created is not dropped": equal(
        (0, SCRATCH), (0, SCRATCH_DROPPED), (0, FILL_SCRATCH), (0, SEE_SCRATCH)
    ),
    "a temporary table that was there before is not dropped": equal(
        (0, SCRATCH),
        (0, status("CREATE TEMP TABLE IF NOT EXISTS scratch (n int) ON COMMIT DROP")),
        (0, FILL_SCRATCH),
        (0, SEE_SCRATCH),
    ),
    "a temporary table is emptied although another could not be created": equal(
        (0, SCRATCH_EMPTIED), (0, SCRATCH), (0, FILL_SCRATCH), (0, SEE_SCRATCH)
    ),
    "a temporary table is there again after a rollback": equal(
        (0, SCRATCH),
        (0, BEGIN),
        (0, DROP_SCRATCH),
        (0, SCRATCH_DROPPED),
        (0, ROLLBACK),
        (0, FILL_SCRATCH),
        (0, SEE_SCRATCH),
    ),
    "a temporary table is there again after the rollback to a savepoint": equal(
        (0, BEGIN),
        (0, SCRATCH_DROPPED),
        (0, SAVEPOINT),
        (0, DROP_SCRATCH),
        (0, SCRATCH),
        (0, ROLLBACK),
        (0, FILL_SCRATCH),
        (0, COMMIT),
        (0, SEE_SCRATCH),
    ),
    "a temporary table that goes by another name is emptied": equal(
        (0, SCRATCH_EMPTIED),
        (0, status("ALTER TABLE scratch RENAME TO another")),
        (0, status("INSERT INTO another VALUES (1)")),
        (0, rows("TABLE another")),
    ),
    "a temporary table is dropped with the views that read it": equal(
        (0, BEGIN),
        (0, SCRATCH_DROPPED),
        (0, status("CREATE TEMPORARY VIEW more_scratch AS TABLE scratch")),
        (0, COMMIT),
        (0, rows("TABLE more_scratch")),
    ),
    "a temporary table is emptied whatever the role is": equal(
        (0, SCRATCH_EMPTIED),
        (0, BEGIN),
        (0, FILL_SCRATCH),
        (0, status("SET ROLE pg_write_all_data")),
        (0, COMMIT),
        (0, rows("SELECT current_user")),
        (0, status("RESET ROLE")),
        (0, SEE_SCRATCH),
    ),
    "a changed table is seen whoever has read it before": equal(
        (1, READ_ALL),
        (0, BEGIN),
        (0, SAVEPOINT),
        (0, ALTER_ITEMS),
        (0, READ_ALL),
        (0, COMMIT),
        (0, COMMIT),
        (0, READ_ALL),
        (1, READ_ALL),
    ),
    "a statement of the driver that is older than a column": equal(
        (0, READ_ALL), (1, ALTER_ITEMS), (0, BEGIN), (0, READ_ALL), (0, READ), (0, COMMIT)
    ),
    "a cursor or a stream outside of a transaction": equal(
        (0, OPEN),
        (0, Begin("repeatable_read")),
        (0, READ),
        (0, COMMIT),
        (0, Stream(ITEMS, 1)),
        (0, Begin("serializable")),
        (0, READ),
    ),
    "a table that another transaction has read is changed": refused(
        (0, BEGIN), (0, READ), (1, ALTER_ITEMS), (0, READ), (0, COMMIT), (1, READ_ALL)
    ),
    "a table that another transaction has read is locked": refused(
        (0, BEGIN),
        (0, rows("SELECT programs.total()")),
        (1, BEGIN),
        (1, status("LOCK TABLE programs.items")),
        (0, COMMIT),
    ),
    "a table that a block changes has been read by another transaction": refused(
        (0, BEGIN),
        (0, READ),
        (1, status("DO $$ BEGIN ALTER TABLE programs.items ADD COLUMN more int; END $$")),
        (0, COMMIT),
    ),
    "a temporary table can be dropped whatever others have read": equal(
        (0, BEGIN), (0, READ), (1, SCRATCH), (1, DROP_SCRATCH), (0, COMMIT)
    ),
    "a temporary table is emptied by a transaction that only reads": equal(
        (0, SCRATCH_EMPTIED),
        (0, Begin(readonly=True)),
        (0, FILL_SCRATCH),
        (0, SEE_SCRATCH),
        (0, COMMIT),
        (0, SEE_SCRATCH),
        (0, INSERT_3),
    ),
    "a statement that is cancelled while it waits for its turn fails its transaction": equal(
        (0, BEGIN),
        (0, INSERT_3),
        (1, BEGIN),
        (1, Cancel("SELECT pg_sleep(20)")),
        (0, COMMIT),
        (1, READ),
        (1, COMMIT),
        (1, READ),
    ),
    "a statement that is cancelled while it waits for a lock fails its transaction": equal(
        (1, BEGIN),
        (1, SAVEPOINT),
        (0, BEGIN),
        (0, UPDATE_1),
        (1, UPDATE_1),
        (1, Interrupt()),
        (0, COMMIT),
        (1, READ),
        (1, ROLLBACK),
        (1, READ),
        (1, COMMIT),
    ),
    "a read only transaction shows it after a savepoint": equal(
        (0, Begin(readonly=True)),
        (0, SAVEPOINT),
        (0, rows("SHOW transaction_read_only")),
        (0, ROLLBACK),
        (0, rows("SHOW transaction_read_only")),
        (1, INSERT_3),
        (0, rows("SELECT current_setting('transaction_read_only')")),
        (0, COMMIT),
        (0, rows("SHOW transaction_read_only")),
        (1, rows("SHOW transaction_read_only")),
    ),
    "a read keeps its place in line behind a transaction with a snapshot": either(
        (2, Begin("repeatable_read")),
        (2, READ),
        (0, READ),
        (1, INSERT_3),
        (2, INSERT_3),
        (2, READ),
        (2, READ),
        (2, status("RELEASE SAVEPOINT mine")),
        (2, COMMIT),
        (0, READ),
        freely=True,
    ),
    "a read does not see who came while it waited for a writer that rolls back": either(
        (2, BEGIN),
        (2, UPDATE_1),
        (1, UPDATE_1),
        (0, READ),
        (2, READ),
        (2, ROLLBACK),
        (0, READ),
        freely=True,
    ),
    "a lost connection with a snapshot makes nobody wait": equal(
        (0, READ),
        (1, Begin("repeatable_read")),
        (1, SAVEPOINT),
        (1, Forget()),
        (1, COMMIT),
        (0, READ),
        (1, INSERT_3),
        (1, COMMIT),
        (0, READ),
        freely=True,
    ),
    "an update that waits does not find a row that was inserted again": either(
        (0, BEGIN),
        (0, status("DELETE FROM programs.items WHERE id = 1")),
        (1, UPDATE_1),
        (0, status("INSERT INTO programs.items VALUES (1, 0)")),
        (0, COMMIT),
        (0, READ),
    ),
    "a lock that waits does not find a row that was inserted again": either(
        (0, BEGIN),
        (0, status("DELETE FROM programs.items WHERE id = 1")),
        (1, BEGIN),
        (1, rows("SELECT value FROM programs.items WHERE id = 1 FOR UPDATE")),
        (0, status("INSERT INTO programs.items VALUES (1, 0)")),
        (0, COMMIT),
        (1, COMMIT),
    ),
    "an update that waits finds the row as it was changed": equal(
        (0, BEGIN), (0, UPDATE_1), (1, UPDATE_1), (0, COMMIT), (0, READ)
    ),
    "a rollback undoes what a released savepoint has deferred": equal(
        (0, BEGIN),
        (0, SAVEPOINT),
        (0, status("SET CONSTRAINTS ALL DEFERRED")),
        (0, COMMIT),
        (0, ROLLBACK),
        (1, BEGIN),
        (1, status("UPDATE programs.places SET place = 2 WHERE id = 1")),
        (1, COMMIT),
    ),
    "a lock that PostgreSQL never grants leaves the rest of its session out": refused(
        (2, BEGIN),
        (2, rows("SELECT pg_advisory_lock(1)::text")),
        (1, BEGIN),
        (1, rows("SELECT pg_advisory_xact_lock(1)::text")),
        (1, READ),
        (1, READ),
        (2, COMMIT),
        (0, READ),
        freely=True,
    ),
    "rows that asyncpg cannot read do not end the transaction": equal(
        (1, FETCH),
        (1, BEGIN),
        (1, INSERT_3),
        (1, DECLARE),
        (1, FETCH),
        (1, COMMIT),
        (0, READ),
    ),
    "a table that is created twice at once": either(
        (1, BEGIN),
        (1, status("CREATE TABLE programs.extra (n int)")),
        (0, status("CREATE TABLE programs.extra (n int)")),
        (1, COMMIT),
        (0, READ),
    ),
    "if not exists beside a table that is being created": either(
        (1, BEGIN),
        (1, status("CREATE TABLE programs.extra (n int)")),
        (0, status("CREATE TABLE IF NOT EXISTS programs.extra (n int)")),
        (1, COMMIT),
        (0, READ),
    ),
    "a statement does not find a table that was created while it waited": either(
        (1, BEGIN),
        (1, status("CREATE TABLE programs.extra (n int)")),
        (0, status("INSERT INTO programs.extra VALUES (1)")),
        (1, COMMIT),
        (0, READ),
    ),
    "a table that is altered twice at once": either(
        (1, BEGIN), (1, ALTER_ITEMS), (0, ALTER_ITEMS), (1, COMMIT), (0, READ_ALL)
    ),
    "a temporary table is no reason to refuse a statement that waits": equal(
        (1, BEGIN), (1, SCRATCH), (1, INSERT_3), (0, INSERT_3), (1, COMMIT), (0, READ)
    ),
    "which of two that wait for a key goes on first is chance": equal(
        (0, BEGIN),
        (0, UPSERT_3),
        (1, UPSERT_3),
        (2, BEGIN),
        (2, UPSERT_3),
        (0, ROLLBACK),
        (2, ROLLBACK),
        (1, READ),
        freely=True,
    ),
    "a statement that is cancelled at once shows no temporary table of others": refused(
        (0, SCRATCH),
        (1, Abandon("UPDATE programs.items SET value = 12 WHERE id = 1 RETURNING id", 1)),
        (1, SEE_SCRATCH),
    ),
}
