from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import create_engine
from app.database_url import parse_database_url
from app.settings import DatabaseSettings
from dev.isolation import connect_options

BASE = "postgresql://user:hunter2@db.example/service"


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings(_env_file=None, database_url=SecretStr(url))


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    file = tmp_path / "root.crt"
    file.touch()
    return file


def driver_arguments(engine: AsyncEngine) -> dict[str, Any]:
    _, arguments = engine.dialect.create_connect_args(engine.url)
    return dict(arguments)


@pytest.mark.parametrize(
    "option",
    [
        *(f"sslmode={mode}" for mode in ("disable", "allow", "prefer", "require")),
        *(f"target_session_attrs={kind}" for kind in ("any", "primary", "standby", "read-write")),
        "target_session_attrs=read-only",
        "target_session_attrs=prefer-standby",
        "application_name=mine",
        "gsslib=gssapi",
        "krbsrvname=postgres",
        "options=-c%20work_mem%3D8MB",
        "ssl_max_protocol_version=TLSv1.3",
        "ssl_min_protocol_version=TLSv1.2",
        "sslnegotiation=postgres",
        "sslpassword=secret",
    ],
)
def test_an_option_that_the_driver_knows_is_passed_on(option: str) -> None:
    arguments = driver_arguments(create_engine(settings(f"{BASE}?{option}")))
    assert arguments["dsn"] == f"postgresql://?{option.replace('%20', '+')}"


def test_the_last_of_several_values_counts() -> None:
    url = parse_database_url(f"{BASE}?application_name=a&application_name=b")
    assert url.application_name == "b"


def test_a_file_in_its_usual_place_has_the_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    url = f"{BASE}?sslmode=verify-full"
    assert driver_arguments(create_engine(settings(url)))["dsn"].endswith("sslmode=verify-full")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_certificates_are_passed_on(certificates: Path, mode: str) -> None:
    url = f"{BASE}?sslmode={mode}&sslrootcert={certificates}"
    assert f"sslmode={mode}" in driver_arguments(create_engine(settings(url)))["dsn"]


@pytest.mark.parametrize("option", ["passfile", "sslcert", "sslcrl", "sslkey", "sslrootcert"])
def test_a_file_has_to_be_there(certificates: Path, option: str) -> None:
    arguments = driver_arguments(create_engine(settings(f"{BASE}?{option}={certificates}")))
    assert f"{option}=" in arguments["dsn"]
    with pytest.raises(ValidationError, match="there is no such file"):
        settings(f"{BASE}?{option}={certificates}.other")


@pytest.mark.parametrize(
    "option",
    [
        *("channel_binding=disable", "channel_binding=prefer"),
        *("client_encoding=utf8", "client_encoding=UTF8", "client_encoding=auto"),
        *("client_encoding=utf-8", "client_encoding=UTF-8"),
        *("gssencmode=disable", "gssencmode=prefer"),
        *("load_balance_hosts=disable", "sslcompression=0", "sslsni=1"),
    ],
)
def test_an_option_that_says_what_the_driver_does_anyway_is_accepted(option: str) -> None:
    assert "dsn" not in driver_arguments(create_engine(settings(f"{BASE}?{option}")))


async def test_without_options_timeout_and_name_are_those_of_the_service() -> None:
    chosen = settings(BASE).model_copy(update={"database_connect_timeout": 7})
    options = await connect_options(create_engine(chosen))
    assert options["timeout"] == 7
    assert options["server_settings"]["application_name"] == "app"


async def test_a_limit_of_less_than_a_millisecond_is_not_taken_for_none() -> None:
    chosen = settings(BASE).model_copy(update={"database_statement_timeout": 0.0001})
    options = await connect_options(create_engine(chosen))
    assert options["server_settings"]["statement_timeout"] == "1"


async def test_timeout_and_name_of_the_url_take_precedence() -> None:
    url = f"{BASE}?connect_timeout=3&application_name=mine"
    options = await connect_options(create_engine(settings(url)))
    assert options["timeout"] == 3
    assert options["server_settings"]["application_name"] == "mine"


@pytest.mark.parametrize("option", ["", "?connect_timeout=0"])
def test_without_a_timeout_the_url_sets_no_limit(option: str) -> None:
    assert parse_database_url(BASE + option).connect_timeout is None


def test_the_name_that_the_driver_has_for_an_option_is_known() -> None:
    arguments = driver_arguments(create_engine(settings(f"{BASE}?ssl=require")))
    assert arguments["dsn"] == "postgresql://?sslmode=require"


def test_several_hosts_are_passed_on_with_their_ports() -> None:
    for options in ("", "?sslmode=require"):
        url = f"postgresql://user@one,two:6432/service{options}"
        arguments = driver_arguments(create_engine(settings(url)))
        assert (arguments["host"], arguments["port"]) == (["one", "two"], [5432, 6432])
        assert arguments["database"] == "service"
        assert parse_database_url(url).url.host is None


@pytest.mark.parametrize(
    ("servers", "hosts", "ports"),
    [
        ("[::1]", "::1", None),
        ("[::1]:6432", "::1", 6432),
        ("[::1]:6432,[::2]", ["::1", "::2"], [6432, 5432]),
        ("one:6432,[::2]:6433", ["one", "::2"], [6432, 6433]),
    ],
)
def test_ipv6_addresses_are_in_brackets(servers: str, hosts: object, ports: object) -> None:
    url = f"postgresql://user@{servers}/service"
    arguments = driver_arguments(create_engine(settings(url)))
    assert (arguments["host"], arguments.get("port")) == (hosts, ports)


@pytest.mark.parametrize(
    "rest",
    [
        "one:x/service",
        "one:x,two/service",
        "one:1:2,two/service",
        "/service?host=one:1:2&host=two",
        "/service?host=one&port=1,2",
    ],
)
def test_servers_that_cannot_be_read_are_rejected(rest: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        parse_database_url(f"postgresql://user@{rest}")


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("channel_binding=require", "channel_binding"),
        ("sslmode=strict", "sslmode"),
        ("sslmode=verify-ca", "sslmode"),
        ("sslmode=verify-full", "sslmode"),
        ("sslrootcert=/no/such/file", "sslrootcert"),
        ("target_session_attrs=any-server", "target_session_attrs"),
        ("connect_timeout=soon", "connect_timeout"),
        ("keepalives_idle=30", "keepalives_idle"),
        ("pgbouncer=true", "pgbouncer"),
        ("unknown=1", "unknown"),
    ],
)
def test_an_option_that_cannot_be_honored_is_rejected_by_name(
    option: str, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValidationError, match=f"DATABASE_URL: {key} cannot be honored") as error:
        settings(f"{BASE}?{option}")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("channel_binding=require", "use sslmode=verify-full"),
        ("pgbouncer=true", "set DATABASE_POOLER=transaction"),
        ("statement_cache_size=0", "set DATABASE_POOLER=transaction"),
    ],
)
def test_the_message_says_what_to_set_instead(option: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_database_url(f"{BASE}?{option}")


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "postgresql://u:hunter2@h:port/d", "x"])
def test_an_invalid_url_is_rejected_without_repeating_it(url: str) -> None:
    with pytest.raises(ValidationError, match="must look like") as error:
        settings(url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("options", ["", "?sslmode=require&application_name=a%26b"])
def test_a_url_that_was_read_can_be_read_again(options: str) -> None:
    url = parse_database_url(BASE + options).url
    assert parse_database_url(url.render_as_string(hide_password=False)).url == url


def test_every_part_of_the_url_can_be_an_option() -> None:
    options = "host=db.example&port=6432&user=user&password=hunter2&dbname=service"
    url = parse_database_url(f"postgresql:///?{options}").url
    assert (url.username, url.password, url.database) == ("user", "hunter2", "service")
    arguments = driver_arguments(create_engine(settings(f"postgresql:///?{options}")))
    assert (arguments["host"], arguments["port"]) == ("db.example", 6432)


def test_the_system_can_have_the_certificates(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = SimpleNamespace(cafile=str(certificates))
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: system)
    url = parse_database_url(f"{BASE}?sslrootcert=system").url
    assert dict(parse_qsl(urlsplit(str(url.query["dsn"])).query)) == {
        "sslrootcert": str(certificates),
        "sslmode": "verify-full",
    }


def test_a_system_without_certificates_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: SimpleNamespace(cafile=None))
    with pytest.raises(ValueError, match="sslrootcert cannot be honored"):
        parse_database_url(f"{BASE}?sslrootcert=system")
