"""What a program leaves behind."""

from typing import Any

import asyncpg

CONTENTS = {
    "items": "SELECT * FROM programs.items ORDER BY id",
    "parts": "SELECT * FROM programs.parts ORDER BY id",
    "places": "SELECT * FROM programs.places ORDER BY id",
    "tickets": "SELECT note FROM programs.tickets ORDER BY note",
    "notes": "SELECT * FROM programs.notes ORDER BY tenant, note",
    "relations": """
        SELECT relname::text, relkind::text, relnatts FROM pg_class
        WHERE relnamespace = 'programs'::regnamespace ORDER BY relname
    """,
}

SESSION = {
    "settings": "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name",
    "tenant": "SELECT coalesce(current_setting('app.tenant', true), '')",
    "role": "SELECT current_user::text, session_user::text",
    "advisory locks": """
        SELECT objid::int, mode FROM pg_locks
        WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY objid
    """,
    "prepared statements": "SELECT name FROM pg_prepared_statements WHERE from_sql ORDER BY name",
    "temporary tables": """
        SELECT relname::text FROM pg_class
        WHERE relpersistence = 't' AND relkind = 'r' AND pg_table_is_visible(oid)
    """,
    "cursors": "SELECT name FROM pg_cursors WHERE name = 'named'",
    "channels": "SELECT pg_listening_channels()",
    "sequences set": """
        SELECT sequencename::text FROM pg_sequences
        WHERE schemaname = 'programs' AND last_value >= 1000
    """,
}


async def tables(connection: Any) -> dict[str, object]:
    """What is in the tables."""
    return await _contents(connection, CONTENTS)


async def session(connection: asyncpg.Connection) -> dict[str, object]:
    """What the session has, apart from its transaction."""
    return await _contents(connection, SESSION)


async def _contents(connection: Any, queries: dict[str, str]) -> dict[str, object]:
    return {
        name: [tuple(row) for row in await connection.fetch(query)]
        for name, query in queries.items()
    }


def differences(left: dict[str, object], right: dict[str, object]) -> str:
    return "; ".join(
        f"{name}: {left[name]} | {right[name]}" for name in left if left[name] != right[name]
    )
