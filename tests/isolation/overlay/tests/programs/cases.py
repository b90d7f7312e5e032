"""Programs with a name: each has failed once, or is what a feature is about.

A program that a random run finds is added here when the sandbox has learned it.
"""

from dataclasses import dataclass

from tests.programs.catalog import ITEMS, types
from tests.programs.language import (
    Begin,
    Cancel,
    Close,
    CopyIn,
    CopyOut,
    Finish,
    Hear,
    Interrupt,
    Listen,
    OpenCursor,
    Operation,
    Program,
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
UPDATE_1 = status("UPDATE programs.items SET value = value + 1 WHERE id = 1")
UPDATE_2 = status("UPDATE programs.items SET value = value * 2 WHERE id = 2")

CASES: dict[str, Case] = {
    "commit is seen by others": equal((0, BEGIN), (0, INSERT_3), (0, COMMIT), (1, READ)),
    "rollback undoes": equal((0, BEGIN), (0, INSERT_3), (0, ROLLBACK), (1, READ)),
    "the second writer of a row waits": equal(
        (0, BEGIN), (0, UPDATE_1), (1, UPDATE_1), (0, COMMIT), (1, READ)
    ),
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
    "repeatable read sees its snapshot": either(
        (0, Begin("repeatable_read")), (0, READ), (1, UPDATE_1), (0, READ), (0, COMMIT)
    ),
    "a changed table is seen by others": either(
        (1, rows("SELECT * FROM programs.items ORDER BY id")),
        (0, status("ALTER TABLE programs.items ADD COLUMN more int")),
        (1, rows("SELECT * FROM programs.items ORDER BY id")),
    ),
}
