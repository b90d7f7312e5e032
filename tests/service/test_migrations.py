"""Migrations in production."""

from contextlib import ExitStack

from tests.harness.project import Project

AT_ONCE = 3

MIGRATION = f"""
from alembic import op

revision = "9999"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute('''
        DO $$ BEGIN
            WHILE {AT_ONCE} > (
                SELECT count(*) FROM pg_stat_activity
                WHERE application_name = 'alembic' AND datname = current_database()
            ) LOOP
                PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
            END LOOP;
        END $$
    ''')
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY items_by_name ON items (name)")
"""
"""It ends when all are there, and waits for the transactions that have begun before its index."""


def test_of_several_at_once_one_migrates_and_the_others_wait(
    installed: Project, own_database: str
) -> None:
    environment = {"ENVIRONMENT": "production", "DATABASE_URL": own_database}  # and no SECRET_KEY
    with installed.restored() as project, ExitStack() as stack:
        (project.path / "migrations" / "versions" / "9999_index.py").write_text(MIGRATION)
        commands = [
            stack.enter_context(project.start("alembic", "upgrade", "head", **environment))
            for _ in range(AT_ONCE)
        ]
        outputs = [command.wait() for command in commands]
        assert "9999" in project.run("alembic", "current", DATABASE_URL=own_database)
    assert sum("Waiting for another process" in output for output in outputs) == AT_ONCE - 1
