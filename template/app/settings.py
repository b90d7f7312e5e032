"""The service's configuration."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_KEY = "only-for-development-never-for-production"


class Settings(BaseSettings):
    """Read from the environment, then from the file `.env`.

    In production (`ENVIRONMENT=production`) the service refuses to start without a database or with
    the default key. Values never appear in error messages.
    """

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = "development"

    database_url: SecretStr | None = None
    """`postgresql://user:password@host:port/database`; `?sslmode=` is supported."""

    database_pool_size: Annotated[int, Field(ge=1)] = 5
    database_max_overflow: Annotated[int, Field(ge=0)] = 10

    database_connect_timeout: Annotated[float, Field(gt=0)] = 5
    """Seconds to wait for a new connection, and for a free connection in the pool."""

    database_statement_timeout: Annotated[float, Field(gt=0)] = 30
    """Seconds after which PostgreSQL cancels a statement."""

    secret_key: Annotated[SecretStr, Field(min_length=32)] = SecretStr(DEVELOPMENT_KEY)
    """Signs values that clients must return unchanged, such as pagination cursors."""

    max_body_size: Annotated[int, Field(ge=0)] = 1_048_576
    """Maximum size of a request body in bytes; a larger one is rejected with 413."""

    max_json_depth: Annotated[int, Field(ge=1)] = 50
    """Maximum nesting of a JSON body; a deeper one is rejected with 400."""

    max_json_values: Annotated[int, Field(ge=1)] = 10_000
    """Maximum number of values and keys in a JSON body; more are rejected with 400."""

    # Your own settings go below this line.

    @model_validator(mode="after")
    def _reject_unsafe_production(self) -> Self:
        if self.environment == "production":
            if self.secret_key.get_secret_value() == DEVELOPMENT_KEY:
                raise ValueError(
                    "set SECRET_KEY: the default is public. Generate one with: "
                    "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
                )
            if self.database_url is None:
                raise ValueError("set DATABASE_URL: postgresql://user:password@host:port/database")
        return self
