"""Where mail goes: to an SMTP server, or in development to the log."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.settings import Settings

Transport = Callable[[EmailMessage], Awaitable[None]]
"""Delivers a message; raises SMTPException or OSError if it cannot."""

TIMEOUT = 10.0  # seconds for each answer of the server

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SmtpServer:
    host: str
    port: int | None
    username: str | None
    password: str | None = field(repr=False)
    use_tls: bool
    """Whether TLS begins with the connection, and not by STARTTLS."""

    async def deliver(self, message: EmailMessage) -> None:
        # Without a password, TLS is used if the server offers it; with one, it is required.
        start_tls = True if self.username and not self.use_tls else None
        await aiosmtplib.send(
            message,
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            use_tls=self.use_tls,
            start_tls=start_tls,
            timeout=TIMEOUT,
        )


def parse_smtp_url(text: str) -> SmtpServer:
    """The server of `smtp://user:password@host:587` or `smtps://...`. Raises ValueError."""
    with suppress(ValueError):
        url = urlsplit(text)
        host, port = url.hostname, url.port
        if host is not None and url.scheme in ("smtp", "smtps") and url.path in ("", "/"):
            username, password = (part and unquote(part) for part in (url.username, url.password))
            return SmtpServer(host, port, username, password, use_tls=url.scheme == "smtps")
    raise ValueError("SMTP_URL must look like smtp://user:password@host:587")  # not repeated


async def write_to_log(message: EmailMessage) -> None:
    text = f"To: {message['To']}\nSubject: {message['Subject']}\n\n{message.get_content()}"
    logger.info("mail that is not sent in development:\n%s", text)


def make_transport(settings: Settings) -> Transport:
    """Raises ValueError if SMTP_URL is invalid, or production lacks what it needs."""
    if settings.smtp_url is not None:
        return parse_smtp_url(settings.smtp_url.get_secret_value()).deliver
    if settings.environment == "production":
        raise ValueError("set SMTP_URL: smtp://user:password@host:587")
    return write_to_log
