"""The mail of a request."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid, parseaddr
from typing import Annotated

import aiosmtplib
from fastapi import BackgroundTasks, Depends, FastAPI, Request

from app.mail.transports import Transport, make_transport
from app.settings import Settings

SENDER_IN_DEVELOPMENT = "service@example.com"

logger = logging.getLogger(__name__)


class OutgoingMail:
    """Sends what a request wants to send, after its transaction is committed and its response sent;
    nothing is sent if it fails.

    A server that cannot be reached, or refuses a message, is one line in the log: the request has
    succeeded by then. So does mail get lost; what must not be lost belongs in a table first.
    """

    def __init__(self, transport: Transport, sender: str, tasks: BackgroundTasks) -> None:
        self._transport = transport
        self._sender = sender
        self._tasks = tasks

    async def send(self, to: str, subject: str, text: str) -> None:
        """Raises ValueError if `to` is not one address."""
        message = compose(self._sender, to, subject, text)
        self._tasks.add_task(deliver, self._transport, message)


def compose(sender: str, to: str, subject: str, text: str) -> EmailMessage:
    """Raises ValueError if `to` is not one address."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = _address(to)  # a text could be several addresses
    message["Subject"] = " ".join(subject.split())  # a header is one line
    message["Date"] = localtime()
    _, address = parseaddr(sender)
    message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
    message.set_content(text)
    return message


def _address(text: str) -> Address:
    try:
        return Address(addr_spec=text)
    except (ValueError, IndexError, HeaderParseError):  # by what is wrong with it
        raise ValueError(f"not an e-mail address: {text!r}") from None


async def deliver(transport: Transport, message: EmailMessage) -> None:
    """Deliver a message, or log why that failed."""
    try:
        await transport(message)
    except (aiosmtplib.SMTPException, OSError) as error:
        reason = str(error) or type(error).__name__
        logger.error("mail %s was not sent: %s", message["Message-ID"], reason)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Raises ValueError if a setting is invalid, or missing in production."""
    settings: Settings = app.state.settings
    if settings.environment == "production" and settings.mail_from is None:
        raise ValueError("set MAIL_FROM: the address that mail comes from")
    app.state.mail_transport = make_transport(settings)
    yield


async def get_outgoing_mail(request: Request, tasks: BackgroundTasks) -> OutgoingMail:
    state = request.app.state
    sender = state.settings.mail_from or SENDER_IN_DEVELOPMENT
    return OutgoingMail(state.mail_transport, sender, tasks)


MailDep = Annotated[OutgoingMail, Depends(get_outgoing_mail)]
