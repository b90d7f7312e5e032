from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy.pool import AsyncAdaptedQueuePool

from app.database import asyncpg_url, create_engine
from app.settings import DatabaseSettings, Settings

KEY = SecretStr("k" * 32)
URL = SecretStr("postgresql://user:hunter2@db/service")


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def test_production_rejects_the_default_key() -> None:
    with pytest.raises(ValidationError, match="set SECRET_KEY"):
        settings(environment="production", database_url=URL)


def test_production_requires_a_database() -> None:
    with pytest.raises(ValidationError, match="set DATABASE_URL"):
        settings(environment="production", secret_key=KEY, database_url=None)


def test_production_accepts_a_key_and_a_database() -> None:
    chosen = settings(environment="production", secret_key=KEY, database_url=URL)
    assert chosen.environment == "production"


def test_a_short_key_is_rejected() -> None:
    with pytest.raises(ValidationError, match="at least 32"):
        settings(secret_key=SecretStr("k" * 31))


def test_settings_are_read_from_the_file_env(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("MAX_BODY_SIZE=77\nOF_ANOTHER_PROGRAM=1\n")
    assert Settings().max_body_size == 77


@pytest.mark.parametrize(
    "name",
    [
        "database_pool_size",
        "database_connect_timeout",
        "database_statement_timeout",
        "database_lock_timeout",
        "request_body_timeout",
        "max_concurrent_requests",
        "max_json_depth",
        "max_json_values",
    ],
)
def test_a_limit_of_zero_is_rejected(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        settings(**{name: 0})


@pytest.mark.parametrize("name", ["database_statement_timeout", "database_lock_timeout"])
def test_a_timeout_that_postgresql_cannot_have_is_rejected(name: str) -> None:
    settings(**{name: 2_147_483})
    for seconds in (2_147_484, float("inf"), float("nan")):
        with pytest.raises(ValidationError, match=name):
            settings(**{name: seconds})


@pytest.mark.parametrize("name", ["database_max_overflow", "max_body_size"])
def test_a_limit_below_zero_is_rejected(name: str) -> None:
    assert getattr(settings(**{name: 0}), name) == 0
    with pytest.raises(ValidationError, match=name):
        settings(**{name: -1})


def test_every_limit_may_be_small() -> None:
    seconds = {
        "database_connect_timeout": 0.5,
        "database_statement_timeout": 0.5,
        "database_lock_timeout": 0.5,
        "request_body_timeout": 0.5,
    }
    numbers = {
        "database_pool_size": 1,
        "max_concurrent_requests": 1,
        "max_json_depth": 1,
        "max_json_values": 1,
    }
    limits = seconds | numbers
    assert settings(**limits).model_dump(include=set(limits)) == limits


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings(), "max_body_size", 1)  # noqa: B010  (mypy rejects an assignment)


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_the_level_of_logs_can_be_chosen(level: str) -> None:
    assert settings(log_level=level).log_level == level
    assert Settings.model_fields["log_level"].default == "INFO"


def test_migrations_need_no_key() -> None:
    chosen = DatabaseSettings(_env_file=None, environment="production", database_url=URL)
    assert chosen.database_url == URL


def test_errors_and_representations_contain_no_secrets() -> None:
    assert "hunter2" not in repr(settings(database_url=URL))
    with pytest.raises(ValidationError) as error:
        settings(database_url=URL, max_body_size="hunter2")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_database_url_is_accepted_in_the_forms_of_providers(scheme: str) -> None:
    url = asyncpg_url(f"{scheme}://user:secret@db:5432/service")
    assert url.render_as_string() == "postgresql+asyncpg://user:***@db:5432/service"


def test_an_invalid_database_url_is_rejected_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="must look like") as error:
        asyncpg_url("mysql://user:hunter2@db/service")
    assert "hunter2" not in str(error.value)


def test_engine_requires_a_database_url() -> None:
    with pytest.raises(ValueError, match="DATABASE_URL is not set"):
        create_engine(settings(database_url=None))


def test_engine_has_the_pool_of_the_settings() -> None:
    chosen = settings(database_url=URL, database_pool_size=3, database_connect_timeout=2)
    pool = create_engine(chosen).pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    assert (pool.size(), pool.timeout()) == (3, 2)


@pytest.mark.parametrize(("environment", "hidden"), [("production", True), ("development", False)])
def test_engine_hides_the_parameters_of_statements_in_production(
    environment: str, hidden: bool
) -> None:
    chosen = settings(environment=environment, secret_key=KEY, database_url=URL)
    assert create_engine(chosen).sync_engine.hide_parameters is hidden


def test_a_secret_can_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("f" * 32 + "\n")
    chosen = Settings(_env_file=None, _secrets_dir=tmp_path)
    assert chosen.secret_key.get_secret_value() == "f" * 32


def test_secrets_are_where_docker_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = find_spec("app.settings")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_dir", lambda _: True)
        spec.loader.exec_module(module)
    assert module.Settings.model_config["secrets_dir"] == Path("/run/secrets")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "api.example, *.shop.example,")
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example,http://[::1]:3000")
    chosen = Settings(_env_file=None)
    assert chosen.allowed_hosts == ("api.example", "*.shop.example")
    assert chosen.cors_origins == ("https://app.example", "http://[::1]:3000")


@pytest.mark.parametrize("host", ["api.example", "*.api.example", "127.0.0.1", "[::1]"])
def test_a_host_can_be_a_name_an_address_or_all_subdomains(host: str) -> None:
    assert settings(allowed_hosts=host).allowed_hosts == (host,)


def test_all_hosts_and_origins_can_be_allowed() -> None:
    chosen = settings(allowed_hosts="*", cors_origins="*")
    assert (chosen.allowed_hosts, chosen.cors_origins) == (("*",), ("*",))


@pytest.mark.parametrize("host", ["https://api.example", "api.example:8000", "api.*", "*.", "a b"])
def test_a_host_that_no_request_can_have_is_rejected(host: str) -> None:
    with pytest.raises(ValidationError, match="list hosts like"):
        settings(allowed_hosts=host)


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/", "https://*.example"])
def test_an_origin_that_no_browser_sends_is_rejected(origin: str) -> None:
    with pytest.raises(ValidationError, match="list origins like"):
        settings(cors_origins=origin)
