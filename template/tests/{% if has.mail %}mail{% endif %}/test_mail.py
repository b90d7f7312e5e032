"""Mail leaves when its request has succeeded, and a bad server harms no request."""

import asyncio
import logging
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any, Self

import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.database import SessionDep
from app.mail import MailDep, lifespan, make_transport
from app.mail.outgoing import compose
from app.mail.transports import SmtpServer, parse_smtp_url
from app.main import create_app
from app.settings import Settings
from dev.sockets import DATABASE_URL

KEY = "k" * 32


def settings(**values: Any) -> Settings:
    known: dict[str, Any] = {"database_url": DATABASE_URL, "secret_key": KEY}
    return Settings(_env_file=None, **(known | values))


@pytest.fixture
async def service(app: FastAPI, engine: AsyncEngine) -> AsyncIterator[FastAPI]:
    """The service with endpoints that send mail, for these tests only."""
    service = create_app(app.state.settings, engine)

    @service.post("/invitations", status_code=201)
    async def invite(session: SessionDep, mail: MailDep, *, fail: bool = False) -> None:
        await session.execute(text("INSERT INTO invitations VALUES (1)"))
        mail.send("ada@example.com", "Welcome,\nAda", "Hello Ada!")
        if fail:
            raise RuntimeError

    async with LifespanManager(service):
        service.state.mail_transport = app.state.mail_transport
        yield service


@pytest.fixture
async def invitations(service: FastAPI, db_session: AsyncSession) -> AsyncIterator[AsyncClient]:
    """A client of that service. A second invitation fails when it is committed."""
    await db_session.execute(
        text("CREATE TABLE invitations (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    )
    transport = ASGITransport(app=service, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.usefixtures("outbox")
async def test_mail_is_sent_when_the_request_is_committed(
    service: FastAPI, invitations: AsyncClient, db_session: AsyncSession
) -> None:
    committed: list[int] = []

    async def look(_: EmailMessage) -> None:
        found = await db_session.scalars(text("SELECT count(*) FROM invitations"))
        committed.append(found.one())

    service.state.mail_transport = look
    assert (await invitations.post("/invitations")).status_code == 201
    assert committed == [1]


async def test_a_message_has_what_mail_servers_expect(
    outbox: list[EmailMessage], invitations: AsyncClient
) -> None:
    await invitations.post("/invitations")
    (message,) = outbox
    assert message["To"] == "ada@example.com"
    assert message["From"] == "service@example.com"
    assert message["Subject"] == "Welcome, Ada"
    assert message["Message-ID"].endswith("@example.com>")
    assert message["Date"] is not None
    assert message.get_content() == "Hello Ada!\n"


async def test_nothing_is_sent_by_a_request_that_fails(
    outbox: list[EmailMessage], invitations: AsyncClient
) -> None:
    assert (await invitations.post("/invitations?fail=true")).status_code == 500
    assert outbox == []


async def test_nothing_is_sent_if_the_commit_fails(
    outbox: list[EmailMessage], invitations: AsyncClient
) -> None:
    assert (await invitations.post("/invitations")).status_code == 201
    assert (await invitations.post("/invitations")).status_code == 409
    assert len(outbox) == 1


async def test_a_server_that_is_down_costs_a_line_in_the_log_and_no_request(
    service: FastAPI,
    invitations: AsyncClient,
    db_session: AsyncSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.state.mail_transport = parse_smtp_url("smtp://127.0.0.1:1").deliver
    assert (await invitations.post("/invitations")).status_code == 201
    assert (await db_session.scalars(text("SELECT count(*) FROM invitations"))).one() == 1
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage().startswith("mail <")
    assert "was not sent: " in record.getMessage()


@pytest.mark.parametrize("to", ["ada@example.com, eve@example.com", "Ada <ada@example.com>", "ada"])
def test_what_is_not_one_address_is_refused(to: str) -> None:
    with pytest.raises(ValueError, match="not an e-mail address"):
        compose("service@example.com", to, "Hello", "Hello")


async def test_an_smtp_server_gets_the_message() -> None:
    async with FakeServer() as server:
        transport = make_transport(settings(smtp_url=f"smtp://127.0.0.1:{server.port}"))
        message = EmailMessage()
        message["From"], message["To"] = "service@example.com", "ada@example.com"
        message.set_content("Hello Ada!")
        await transport(message)
    assert "RCPT TO:<ada@example.com>" in server.received
    assert "Hello Ada!" in server.received


async def test_a_password_is_not_sent_without_tls() -> None:
    async with FakeServer() as server:
        address = parse_smtp_url(f"smtp://ada:hunter2@127.0.0.1:{server.port}")
        with pytest.raises(Exception, match="STARTTLS"):
            await address.deliver(EmailMessage())
    assert not any(line.startswith("AUTH") for line in server.received)


class FakeServer:
    """An SMTP server that accepts every message and has no TLS."""

    def __init__(self) -> None:
        self.received: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {"EHLO": "250-ready\r\n250 AUTH PLAIN", "DATA": "354 go on", "QUIT": "221 bye"}
        writer.write(b"220 ready\r\n")
        in_data = False
        while line := await reader.readline():
            command = line.decode().strip()
            self.received.append(command)
            if in_data and command != ".":
                continue
            in_data = command == "DATA"
            answer = answers.get(command.partition(" ")[0], "250 ok")
            writer.write(f"{answer}\r\n".encode())
        writer.close()


async def test_mail_is_logged_in_development(caplog: pytest.LogCaptureFixture) -> None:
    transport = make_transport(settings())
    message = EmailMessage()
    message["To"], message["Subject"] = "ada@example.com", "Welcome"
    message.set_content("Hello Ada!")
    with caplog.at_level(logging.INFO, "app.mail"):
        await transport(message)
    assert "To: ada@example.com\nSubject: Welcome\n\nHello Ada!" in caplog.text


@pytest.mark.parametrize(
    ("missing", "given"),
    [
        ("SMTP_URL", {"mail_from": "shop@example.com"}),
        ("MAIL_FROM", {"smtp_url": "smtp://mail.example.com"}),
    ],
)
async def test_production_does_not_start_without_a_server_and_an_address(
    missing: str, given: dict[str, object]
) -> None:
    app = create_app(settings(environment="production", **given))
    with pytest.raises(ValueError, match=f"set {missing}"):
        async with lifespan(app):
            pass


def test_an_url_says_how_to_connect() -> None:
    assert parse_smtp_url("smtps://ada%40example.com:p%2Fw@mail.example.com:465") == SmtpServer(
        "mail.example.com", 465, "ada@example.com", "p/w", use_tls=True
    )
    assert parse_smtp_url("smtp://mail") == SmtpServer("mail", None, None, None, use_tls=False)


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://mail", "smtp://", "smtp://:hunter2@", "smtp://m:hunter2"]
)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="must look like") as error:
        make_transport(settings(smtp_url=SecretStr(url)))
    assert "hunter2" not in str(error.value)
