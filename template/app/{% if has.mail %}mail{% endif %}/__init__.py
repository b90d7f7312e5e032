"""Mail, sent when the transaction of the request is committed:

    async def invite(mail: MailDep, session: SessionDep, data: Invitation) -> None:
        ...
        await mail.send(data.email, "Your invitation", "Hello ...")

It goes to the server of SMTP_URL, in development to the log, and in tests to the fixture `outbox`.
"""

from app.mail.outgoing import MailDep, OutgoingMail
from app.mail.startup import lifespan
from app.mail.transports import Transport, make_transport

__all__ = ["MailDep", "OutgoingMail", "Transport", "lifespan", "make_transport"]
