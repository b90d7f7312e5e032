"""The service's configuration."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.database_url import parse_database_url

SECRETS = Path("/run/secrets")  # where Docker puts them: the file secret_key has SECRET_KEY
DEVELOPMENT_KEY = "only-for-development-never-for-production"

HOST = r"(\*\.)?[\w.-]+|\[[0-9a-fA-F:.]+\]"
ORIGIN = r"https?://([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d+)?"


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""In the environment, separated by commas."""


class DatabaseSettings(BaseSettings):
    """All that migrations need, read from the environment, the file `.env`, then `/run/secrets`.

    Production (`ENVIRONMENT=production`) requires a database. Values never appear in error
    messages.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Literal["development", "production"] = "development"

    database_url: SecretStr | None = None
    """`postgresql://user:password@host:port/database`, with the options of libpq; one that cannot
    be honored is rejected."""

    database_pooler: Literal["transaction"] | None = None
    """Set it if DATABASE_URL leads to a pooler in transaction mode, such as PgBouncer, Supavisor or
    RDS Proxy: no statement is prepared for longer than a transaction, and timeouts are set in each.
    Migrations need the URL of the server itself."""

    database_pool_size: Annotated[int, Field(ge=1)] = 15
    """Connections of a process that are kept once they were needed."""

    database_max_overflow: Annotated[int, Field(ge=0)] = 0
    """Further ones, which are closed after each use: connecting takes longer than most requests."""

    database_connect_timeout: Annotated[float, Field(gt=0)] = 5
    """Seconds to wait for a new connection, and for a free connection in the pool."""

    database_statement_timeout: Annotated[float, Field(gt=0)] = 10
    """Seconds after which PostgreSQL cancels a statement."""

    database_lock_timeout: Annotated[float, Field(gt=0)] = 2
    """Seconds that a statement waits for a row or table that another transaction has locked."""

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_database_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _require_a_database_in_production(self) -> Self:
        if self.environment == "production" and self.database_url is None:
            raise ValueError("set DATABASE_URL: postgresql://user:password@host:port/database")
        return self


class Settings(DatabaseSettings):
    """The settings of the service, which in production refuses to start with the default key."""

    secret_key: Annotated[SecretStr, Field(min_length=32)] = SecretStr(DEVELOPMENT_KEY)
    """Signs values that clients must return unchanged, such as pagination cursors."""

    max_body_size: Annotated[int, Field(ge=0)] = 1_048_576
    """Maximum size of a request body in bytes; a larger one is rejected with 413."""

    request_body_timeout: Annotated[float, Field(gt=0)] = 30
    """Seconds that a request body has to arrive; a slower one is rejected with 408."""

    max_concurrent_requests: Annotated[int, Field(ge=1)] = 500
    """Requests that may be under way at once in a process; further ones get a 503 immediately."""

    max_json_depth: Annotated[int, Field(ge=1)] = 50
    """Maximum nesting of a JSON body; a deeper one is rejected with 400."""

    max_json_values: Annotated[int, Field(ge=1)] = 10_000
    """Maximum number of values and keys in a JSON body; more are rejected with 400."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The lowest level that the service's own loggers write. Requests are INFO, health checks
    DEBUG."""

    serve_docs: bool | None = None
    """Whether to serve `/docs`, `/redoc` and `/openapi.json`; by default only in development."""

    allowed_hosts: Names = ()
    """If set, requests with another `Host` are rejected with 400, except health checks.
    `*.example.com` allows all subdomains."""

    cors_origins: Names = ()
    """Origins such as `https://app.example.com` whose scripts may use the service in a browser, or
    `*` for all. Browsers do not send cookies to it."""

    # Your own settings go below this line.

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if not all(host == "*" or re.fullmatch(HOST, host) for host in hosts):
            raise ValueError("list hosts like api.example.com or *.example.com, without a port")
        return hosts

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(origin == "*" or re.fullmatch(ORIGIN, origin) for origin in origins):
            raise ValueError("list origins like https://app.example.com, without a path or slash")
        return origins

    @model_validator(mode="after")
    def _require_a_key_in_production(self) -> Self:
        is_default = self.secret_key.get_secret_value() == DEVELOPMENT_KEY
        if self.environment == "production" and is_default:
            raise ValueError(
                "set SECRET_KEY: the default is public. Generate one with: "
                "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        return self
