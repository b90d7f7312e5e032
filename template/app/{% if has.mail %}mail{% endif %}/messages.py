from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid, parseaddr

SENDER_IN_DEVELOPMENT = "service@example.com"


def compose(
    sender: str, to: str, subject: str, text: str, message_id: str | None = None
) -> EmailMessage:
    """Raises ValueError if `to` is not one address."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = _address(to)  # a text could be several addresses
    message["Subject"] = " ".join(subject.split())  # a header is one line
    message["Date"] = localtime()
    _, address = parseaddr(sender)
    message["Message-ID"] = message_id or make_msgid(domain=address.rpartition("@")[2])
    message.set_content(text)
    return message


def _address(text: str) -> Address:
    try:
        return Address(addr_spec=text)
    except (ValueError, IndexError, HeaderParseError):  # by what is wrong with it
        raise ValueError(f"not an e-mail address: {text!r}") from None
