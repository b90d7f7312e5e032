"""Renames tables and columns together with what is named after them."""

from alembic import op

STATEMENTS = """
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format(
            'ALTER TABLE %s RENAME CONSTRAINT %I TO %I', conrelid::regclass, conname,
            regexp_replace(conname, '(^|_)OLD(_|$)', '\\1NEW\\2')
        )
        FROM pg_constraint
        WHERE conrelid = 'RELATION'::regclass AND conname ~ '(^|_)OLD(_|$)'
    LOOP
        EXECUTE statement;
    END LOOP;
    FOR statement IN
        SELECT format(
            'ALTER %s %s RENAME TO %I',
            CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END, pg_class.oid::regclass,
            regexp_replace(relname, '(^|_)OLD(_|$)', '\\1NEW\\2')
        )
        FROM pg_class
        LEFT JOIN pg_index ON indexrelid = pg_class.oid
        LEFT JOIN pg_depend
            ON relkind = 'S' AND classid = 'pg_class'::regclass AND objid = pg_class.oid
        WHERE 'RELATION'::regclass IN (indrelid, refobjid) AND relname ~ '(^|_)OLD(_|$)'
    LOOP
        EXECUTE statement;
    END LOOP;
END $$
"""
# The constraints come first: a unique or primary key takes its index along.


def rename_table(old: str, new: str) -> None:
    """Rename a table, and the constraints, indexes and sequences whose names contain its name."""
    op.rename_table(old, new)
    _rename_what_is_named_after(old, new, new)


def rename_column(table: str, old: str, new: str) -> None:
    """Rename a column, and the constraints and indexes whose names contain its name."""
    op.alter_column(table, old, new_column_name=new)
    _rename_what_is_named_after(old, new, table)


def _rename_what_is_named_after(old: str, new: str, table: str) -> None:
    op.execute(STATEMENTS.replace("RELATION", table).replace("OLD", old).replace("NEW", new))
