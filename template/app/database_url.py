"""Reads DATABASE_URL as hosting providers write it: with the options of PostgreSQL's libpq.

Every option is honored or rejected. One that was passed on unread would make each request fail, or
would leave a connection less safe than its URL says.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

SCHEMES = {"postgres", "postgresql", "postgresql+asyncpg"}
FORM = "DATABASE_URL must look like postgresql://user:password@host:port/name"

ADDRESS = {"host", "port"}
"""What SQLAlchemy reads; with commas, or more than once, for several servers."""

READ_BY_ASYNCPG = {
    "application_name",
    "gsslib",
    "krbsrvname",
    "options",
    "passfile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
}
FILES = {"passfile", "sslcert", "sslcrl", "sslkey", "sslrootcert"}
DEFAULT_ROOT = Path("~/.postgresql/root.crt")
CHOICES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "target_session_attrs": {
        *("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
    },
}
ALREADY_SO = {
    "channel_binding": {"disable", "prefer"},
    "client_encoding": {"utf8", "UTF8", "utf-8", "UTF-8", "auto"},
    "gssencmode": {"disable", "prefer"},
    "load_balance_hosts": {"disable"},
    "sslcompression": {"0"},
    "sslsni": {"1"},
}
"""Options with the values that describe what asyncpg does in any case."""

HINTS = {
    "channel_binding": "asyncpg cannot bind channels; remove it, and use sslmode=verify-full to "
    "know the server",
    "pgbouncer": "set DATABASE_POOLER=transaction instead",
    "statement_cache_size": "set DATABASE_POOLER=transaction instead",
}


@dataclass(frozen=True)
class DatabaseUrl:
    """What a URL says. `url` is SQLAlchemy's, for asyncpg."""

    url: URL
    connect_timeout: float | None
    application_name: str | None


def parse_database_url(text: str) -> DatabaseUrl:
    """Read a URL. Raises ValueError if it is invalid, or has an option that cannot be honored.

    The message names the option. It does not repeat the URL, because that contains a password.
    """
    url = _parse(text)
    options = {key: _last(value) for key, value in url.query.items() if key not in ADDRESS}
    url = url.set(
        username=options.pop("user", url.username),
        password=options.pop("password", url.password),
        database=options.pop("dbname", url.database),
        query={key: value for key, value in url.query.items() if key in ADDRESS},
    )
    # A URL that this function has returned can be read again.
    options |= dict(parse_qsl(urlsplit(options.pop("dsn", "")).query))
    if "ssl" in options:  # asyncpg's name
        options["sslmode"] = options.pop("ssl")
    timeout = options.pop("connect_timeout", None)
    if timeout is not None and not timeout.isdecimal():
        raise _invalid("connect_timeout", "it must be a number of seconds")
    options = {key: value for key, value in options.items() if value not in _usual(key)}
    for key, value in options.items():
        _check(key, value)
    if options.get("sslrootcert") == "system":
        options["sslrootcert"] = _system_certificates()
        options["sslmode"] = "verify-full"
    verifies = options.get("sslmode") in {"verify-ca", "verify-full"}
    if verifies and "sslrootcert" not in options and not DEFAULT_ROOT.expanduser().exists():
        raise _invalid("sslmode", "it needs sslrootcert: the name of a file, or system")
    if options:
        # asyncpg reads them from a URL, and adds them to what it is called with.
        url = url.update_query_dict({"dsn": f"postgresql://?{urlencode(options)}"})
    # For libpq 0 means no limit.
    return DatabaseUrl(url, float(timeout or 0) or None, options.get("application_name"))


def _parse(text: str) -> URL:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(FORM)
    authority, slash, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    if "," in hosts:  # SQLAlchemy wants several servers in the query
        names, ports = zip(*map(_split_port, hosts.split(",")), strict=True)
        servers = {"host": ",".join(names), "port": ",".join(ports)}
        path += ("&" if "?" in path else "?") + urlencode(servers)
        hosts, slash = "", "/"
    try:
        url = make_url(f"postgresql+asyncpg://{login}{at}{hosts}{slash}{path}")
        url.get_dialect()().create_connect_args(url)  # raises if it cannot read them
    except (ArgumentError, ValueError):
        raise ValueError(FORM) from None
    return url


def _split_port(server: str) -> tuple[str, str]:
    """The host, without the brackets of an IPv6 address, and the port."""
    host, _, port = server.rpartition(":")
    if not host or port.endswith("]"):
        host, port = server, ""
    if ":" in host and not host.startswith("["):
        raise ValueError(FORM)
    return host.strip("[]"), port or "5432"


def _last(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else value[-1]


def _usual(key: str) -> set[str]:
    return ALREADY_SO.get(key, set())


def _check(key: str, value: str) -> None:
    if key not in READ_BY_ASYNCPG:
        raise _invalid(key, HINTS.get(key, "asyncpg has no such option; remove it"))
    if key in CHOICES and value not in CHOICES[key]:
        raise _invalid(key, f"it must be one of {', '.join(sorted(CHOICES[key]))}")
    if key in FILES and (key, value) != ("sslrootcert", "system") and not Path(value).is_file():
        raise _invalid(key, "there is no such file")


def _system_certificates() -> str:
    file = ssl.get_default_verify_paths().cafile
    if file is None:
        raise _invalid("sslrootcert", "this system has no file of certificates; name one")
    return file


def _invalid(key: str, reason: str) -> ValueError:
    return ValueError(f"DATABASE_URL: {key} cannot be honored: {reason}")
