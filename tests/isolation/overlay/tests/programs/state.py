"""What a program leaves behind."""

import json
from collections.abc import Mapping
from typing import Any

State = dict[str, Any]

CONTENTS = {
    "items": "SELECT * FROM programs.items ORDER BY id",
    "parts": "SELECT * FROM programs.parts ORDER BY id",
    "places": "SELECT * FROM programs.places ORDER BY id",
    "tickets": "SELECT note FROM programs.tickets ORDER BY note",
    "notes": "SELECT * FROM programs.notes ORDER BY tenant, note",
    "schema": """
        SELECT relname AS name, relnatts AS columns FROM pg_class
        WHERE relnamespace = 'programs'::regnamespace
        UNION SELECT proname, pronargs FROM pg_proc WHERE pronamespace = 'programs'::regnamespace
        UNION SELECT enumlabel, 1 FROM pg_enum
        ORDER BY name
    """,
}

SESSION = {
    "settings": "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name",
    "tenant": "SELECT coalesce(current_setting('app.tenant', true), '') AS tenant",
    "role": "SELECT current_user AS this, session_user AS own",
    "advisory locks": """
        SELECT objid, mode FROM pg_locks
        WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY objid
    """,
    "prepared statements": "SELECT name FROM pg_prepared_statements WHERE from_sql ORDER BY name",
    "temporary tables": """
        SELECT relname FROM pg_class
        WHERE relpersistence = 't' AND relkind = 'r' AND pg_table_is_visible(oid)
    """,
    "cursors": "SELECT name FROM pg_cursors WHERE name = 'named'",
    "channels": "SELECT pg_listening_channels()",
    "sequences set": """
        SELECT sequencename FROM pg_sequences
        WHERE schemaname = 'programs' AND last_value >= 1000
    """,
}


async def tables(connection: Any) -> State:
    """What is in the tables."""
    return await _read(connection, CONTENTS)


async def everything(connection: Any) -> State:
    """What is in the tables, and what the session has apart from its transaction."""
    return await _read(connection, CONTENTS | SESSION)


async def _read(connection: Any, queries: Mapping[str, str]) -> State:
    parts = [
        f"'{name}', (SELECT json_agg(found) FROM ({query}) AS found)"
        for name, query in queries.items()
    ]
    state: State = json.loads(
        await connection.fetchval(f"SELECT json_build_object({', '.join(parts)})::text")
    )
    return state


def differences(left: State, right: State) -> str:
    return "; ".join(
        f"{name}: {_text(left[name])} | {_text(right[name])}"
        for name in left
        if left[name] != right[name]
    )


def _text(rows: list[dict[str, object]] | None) -> str:
    return str([tuple(row.values()) for row in rows or []])
