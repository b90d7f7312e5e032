"""The tables of the probe.

Revision ID: 0001
Revises:
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID_AND_TIMESTAMPS = """
    id bigint GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
"""

STATEMENTS = [
    f"""
    CREATE TABLE accounts (
        name varchar(100) NOT NULL,
        note varchar(200) NOT NULL DEFAULT '',
        {ID_AND_TIMESTAMPS},
        CONSTRAINT pk_accounts PRIMARY KEY (id),
        CONSTRAINT uq_accounts_name UNIQUE (name)
    )
    """,
    f"""
    CREATE TABLE posts (
        account_id bigint NOT NULL,
        title varchar(100) NOT NULL DEFAULT 'title',
        {ID_AND_TIMESTAMPS},
        CONSTRAINT pk_posts PRIMARY KEY (id),
        CONSTRAINT fk_posts_account_id FOREIGN KEY (account_id) REFERENCES accounts
            DEFERRABLE INITIALLY DEFERRED
    )
    """,
    # Deferred as well, but in another schema, and by a trigger, which is checked by hand.
    "CREATE SCHEMA ledger",
    "CREATE TABLE ledger.entries (account varchar(100) NOT NULL, amount int NOT NULL)",
    """
    CREATE FUNCTION ledger.check_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT sum(amount) FROM ledger.entries) <> 0 THEN
            RAISE EXCEPTION 'the ledger does not balance' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER "Balance" AFTER INSERT ON ledger.entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.check_balance()
    """,
    # Checked at once, unless a transaction asks for later.
    """
    CREATE TABLE pairs (
        id int CONSTRAINT pk_pairs PRIMARY KEY,
        partner int CONSTRAINT fk_pairs_partner REFERENCES pairs DEFERRABLE INITIALLY IMMEDIATE
    )
    """,
]

SCRIPTS = Path(__file__).parents[1] / "programs"


def run_script(name: str) -> None:
    script = (SCRIPTS / name).read_text(encoding="utf-8")
    # SQLAlchemy prepares statements, which allows only one at a time; the driver accepts several.
    connection = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(script))


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    run_script("tables.sql")
    run_script("rows.sql")


def downgrade() -> None:
    op.execute("DROP SCHEMA programs CASCADE")
    op.execute("DROP TABLE pairs")
    op.execute("DROP SCHEMA ledger CASCADE")
    op.execute("DROP TABLE posts")
    op.execute("DROP TABLE accounts")
