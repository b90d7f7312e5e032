"""Renames tables and columns together with what is named after them."""

from alembic import op

STATEMENTS = r"""
DO $$
DECLARE
    statement text;
    own_column int2 := (
        SELECT attnum FROM pg_attribute
        WHERE attrelid = 'RELATION'::regclass AND attname = 'COLUMN'
    );
BEGIN
    FOR statement IN
        SELECT format(
            'ALTER TABLE %s RENAME CONSTRAINT %I TO %I', conrelid::regclass, conname,
            regexp_replace(conname, 'PATTERN', '\1NEW\2')
        )
        FROM pg_constraint
        WHERE conrelid = 'RELATION'::regclass AND conname ~ 'PATTERN'
        AND (own_column IS NULL OR own_column = ANY (conkey))
    LOOP
        EXECUTE statement;
    END LOOP;
    FOR statement IN
        SELECT format(
            'ALTER %s %s RENAME TO %I',
            CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END, pg_class.oid::regclass,
            regexp_replace(relname, 'PATTERN', '\1NEW\2')
        )
        FROM pg_class
        LEFT JOIN pg_index ON indexrelid = pg_class.oid
        LEFT JOIN pg_depend
            ON relkind = 'S' AND classid = 'pg_class'::regclass AND objid = pg_class.oid
        WHERE 'RELATION'::regclass IN (indrelid, refobjid) AND relname ~ 'PATTERN'
        AND (own_column IS NULL OR own_column = refobjsubid OR own_column = ANY (indkey))
    LOOP
        EXECUTE statement;
    END LOOP;
END $$
"""
# The constraints come first: a unique or primary key takes its index along.


def rename_table(old: str, new: str) -> None:
    """Rename a table, and the constraints, indexes and sequences whose names contain its name."""
    op.rename_table(old, new)
    _rename_what_is_named_after(f"(^|_){old}(_|$)", new, table=new)


def rename_column(table: str, old: str, new: str) -> None:
    """Rename a column, and its constraints and indexes whose names contain the names of both."""
    op.alter_column(table, old, new_column_name=new)
    _rename_what_is_named_after(f"((?:^|_){table}_(?:.*_)?){old}(_|$)", new, table, column=new)


def _rename_what_is_named_after(pattern: str, new: str, table: str, column: str = "") -> None:
    """Where `pattern` matches, put `new` between its two groups; of a column, only what has it."""
    statements = STATEMENTS.replace("RELATION", table).replace("COLUMN", column)
    op.execute(statements.replace("PATTERN", pattern).replace("NEW", new))
