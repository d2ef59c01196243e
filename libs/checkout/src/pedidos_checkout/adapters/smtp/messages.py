"""A mail as it goes over the wire."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from pedidos_checkout.ports import Mail

LONGEST_SUBJECT = 300
ID_LETTERS = 40


class NoMail(ValueError):
    """What can't be made a mail: an address that is none, or more than one."""


def address_of(text: str) -> Address:
    """The one address that a text names, with or without a name before it.

    Raises:
        NoMail: when it names none, or several, or anything beside it.
    """
    probe = EmailMessage(policy=SMTP)
    try:
        probe["From"] = text
        found: tuple[Address, ...] = probe["From"].addresses
        (address,) = found
    except (ValueError, LookupError, MessageError):
        raise NoMail("not one mail address") from None
    if probe["From"].defects or not address.username or not address.domain:
        raise NoMail("not a mail address like somebody@example.com")
    return address


def message_of(mail: Mail, sender: Address, at: datetime) -> EmailMessage:
    """The message; its Message-ID is the same for every try.

    Raises:
        NoMail: when its address is none.
    """
    # whoever knows a checkout's id may see its status, and headers are logged on the way
    unguessed = hashlib.sha256(mail.id.encode()).hexdigest()[:ID_LETTERS]
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = address_of(mail.to)
    # a line break in it would be a header of whoever put it there
    message["Subject"] = " ".join(mail.subject.split())[:LONGEST_SUBJECT]
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{unguessed}@{sender.domain}>"
    message.set_content(mail.text)
    return message
