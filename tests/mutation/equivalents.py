"""Mutants that change nothing that a test should notice, and why."""

CHOICES = {
    "app/abandoned_requests.py: WATCHED_AFTER",
    "app/crud.py: Crud.page_bytes",
    "app/crud.py: MAX_SHORT",
    "app/database_connections.py: MAX_IDLE",
    "app/database_telemetry.py: SECONDS",
    "app/errors.py: MAX_ERRORS",
    "app/health.py: TIMEOUT",
    "app/schemas.py: UNBOUNDED",
    "app/settings.py: DatabaseSettings.database_connect_timeout",
    "app/settings.py: DatabaseSettings.database_lock_timeout",
    "app/settings.py: DatabaseSettings.database_max_overflow",
    "app/settings.py: DatabaseSettings.database_pool_size",
    "app/settings.py: DatabaseSettings.database_statement_timeout",
    "app/settings.py: Settings.max_body_size",
    "app/settings.py: Settings.max_concurrent_requests",
    "app/settings.py: Settings.max_json_depth",
    "app/settings.py: Settings.max_json_values",
    "app/settings.py: Settings.request_body_timeout",
}
"""Numbers that a service may choose, such as defaults: a test could only repeat them."""

ONLY_A_TYPE = "mypy alone reads it"
OF_ONE_MODULE = "a name that only this module writes and reads"
READS_MORE = "reads one more row than it has to"
NO_VALUE = "a text that matches nothing, as the empty one"

EQUIVALENTS = {
    "app/abandoned_requests.py: AbandonedRequests.__call__": {
        "0 -> 1": "one more round of the event loop",
        "await asyncio.sleep(0) -> (left out)": "asyncio cancels at an earlier await already",
        "if client.has_left: ... -> if not client.has_left: ...": "the same",
    },
    "app/body_limit.py: JsonLimit._check": {
        "len(body) <= self.max_values -> len(body) < self.max_values": (
            "so short a body cannot have too many values"
        ),
        "'replace' -> 'replacex'": "FastAPI answers 400 to any error while it reads a body",
    },
    "app/crud.py: SIZES": {"'sizes' -> 'sizesx'": OF_ONE_MODULE},
    "app/crud.py: _Order.select_page": {"1 -> 2": READS_MORE},
    "app/crud.py: _Order.select_page.page": {"1 -> 2": READS_MORE},
    "app/crud.py: _order": {"'text' -> 'textx'": "the column is read by its position"},
    "app/crud.py: _order.keys": {"'id' -> 'idx'": "by the id, and then by the id"},
    "app/crud.py: _type_of.values": {"'' -> 'x'": OF_ONE_MODULE},
    "app/database.py: ReadSession.get_bind": {
        "super().get_bind(*args, clause=clause, **options) -> super().get_bind(*args, **options)": (
            "there is one engine for all clauses"
        )
    },
    "app/database_connections.py: IDLE_SINCE": {"'idle_since' -> 'idle_sincex'": OF_ONE_MODULE},
    "app/database_connections.py: replace_lost_connections.check": {
        "now - entry.info.get(IDLE_SINCE, now) > MAX_IDLE -> "
        "now - entry.info.get(IDLE_SINCE, now) >= MAX_IDLE": "no two moments differ by just that"
    },
    "app/database_telemetry.py: UNDER_WAY": {
        "'telemetry_under_way' -> 'telemetry_under_wayx'": OF_ONE_MODULE
    },
    "app/database_url.py: parse_database_url": {"'' -> 'x'": "a URL without options as well"},
    "app/database_url.py: _parse": {
        "zip(*map(_split_port, hosts.split(',')), strict=True) -> "
        "zip(*map(_split_port, hosts.split(',')))": "each has a name and a port"
    },
    "app/errors.py: Problem.error_count": {"0 -> 1": "a default that is never used"},
    "app/errors.py: ProblemResponse.render": {
        "json.dumps(content, ensure_ascii=True) -> json.dumps(content)": "the default"
    },
    "app/errors.py: _sqlstate": {"'' -> 'x'": NO_VALUE},
    "app/etags.py: etag": {"32 -> 33": "one digit more of a digest"},
    "app/log_format.py: Environment": {
        "'development' -> 'developmentx'": ONLY_A_TYPE,
        "'production' -> 'productionx'": ONLY_A_TYPE,
    },
    "app/models.py: Base.created_at": {
        "mapped_column(DateTime(timezone=True), server_default=func.now(), sort_order=1) -> "
        "mapped_column(DateTime(timezone=True), server_default=func.now())": (
            "still after the columns of each model, and before `updated_at`"
        )
    },
    "app/models.py: Base.updated_at": {"1 -> 2": "after `created_at` in any case"},
    "app/pagination.py: Cursors.__init__": {"'' -> 'x'": "signed and verified with the same text"},
    "app/resources/book/models.py: Book.author": {
        "relationship(foreign_keys=[author_id], lazy='raise') -> relationship(lazy='raise')": (
            "the only reference to authors"
        ),
        "relationship(foreign_keys=[author_id], lazy='raise') -> "
        "relationship(foreign_keys=[author_id])": "a lazy load fails without `await` as well",
    },
    "app/trailing_slashes.py: ignore_trailing_slashes.look_again": {
        "'' -> 'x'": "looks once more, and finds nothing"
    },
    "app/schemas.py: Digits._add_places": {"1 -> 2": "only the exponent counts"},
    "app/schemas.py: PlainDecimal": {
        "PlainSerializer(lambda value: f'{value:f}', return_type=str, when_used='json') -> "
        "PlainSerializer(lambda value: f'{value:f}', when_used='json')": (
            "the schema of a decimal that is sent is that of a text already"
        )
    },
    "app/settings.py: DEVELOPMENT_KEY": {
        "'only-for-development-never-for-production' -> "
        "'only-for-development-never-for-productionx'": OF_ONE_MODULE
    },
    "app/web_security.py: AllowedHosts.__init__": {
        "False -> True": "a redirect is rejected as well"
    },
}
"""By the definition that changes: each change, and why a test cannot notice it."""


def is_equivalent(path: str, definition: str, change: str) -> bool:
    place = f"{path}: {definition}"
    return place in CHOICES or change in EQUIVALENTS.get(place, {})
