from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses, localtime, make_msgid, parseaddr

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
    except (ValueError, IndexError, MessageError):  # by what is wrong with it
        raise ValueError(f"not an e-mail address: {text!r}") from None


def check_sender(text: str) -> None:
    """Raises ValueError if this is not one address, with a name or without."""
    name, address = parseaddr(text)
    try:
        Address(name, addr_spec=address)
        is_one = "@" in address and len(getaddresses([text])) == 1
    except (ValueError, IndexError, MessageError):
        is_one = False
    if not is_one:
        raise ValueError("MAIL_FROM must look like Shop <shop@example.com>")
