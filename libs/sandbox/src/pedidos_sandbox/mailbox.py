"""Everybody's mailbox: what came by SMTP, taken in on the event loop of the HTTP server.

`aiosmtpd` usually runs in a thread of its own (its `Controller`); its protocol does not need that,
and on one loop nothing here has to be locked.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from pedidos_sandbox.answers import LedgerFull
from pedidos_sandbox.clock import iso, now
from pedidos_sandbox.faults import Fault, Faults, Mode, Operation
from pedidos_sandbox.pages import Pages

LARGEST_MAIL_BYTES = 256 * 1024
MOST_BYTES = 512 * 1024 * 1024
MOST_CONNECTIONS = 500
IDLE_SECONDS = 300.0
TAKEN = "250 OK"
TOO_MANY = b"421 too many connections: try again later\r\n"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it came; it is taken apart when it is looked at."""

    id: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    def audited(self) -> dict[str, Any]:
        """As the ledger shows it."""
        message = BytesParser(EmailMessage, policy=default).parsebytes(self.raw)
        return {
            "id": self.id,
            "at": iso(self.at),
            "from": self.sender,
            "to": self.recipients,
            "subject": str(message["subject"] or ""),
            "message_id": str(message["message-id"] or ""),
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "text": _body(message, "plain"),
            "html": _body(message, "html"),
        }


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content())


class Mailbox:
    """All mails there are, at most `limit`, and `MOST_BYTES` together."""

    def __init__(self, limit: int) -> None:
        self._pages: Pages[Mail] = Pages("mails", limit)
        self._bytes = 0
        self._count = 0

    def __len__(self) -> int:
        return len(self._pages)

    def take(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """One more mail.

        Raises:
            LedgerFull: where there is no room for it.
        """
        if self._bytes + len(raw) > MOST_BYTES:
            raise LedgerFull("bytes of mail", MOST_BYTES)
        self._count += 1
        self._pages.append(Mail(f"mail_{self._count}", now(), sender, tuple(recipients), raw))
        self._bytes += len(raw)

    def page(self, after: int, size: int) -> tuple[Sequence[Mail], str | None]:
        """One page of all mails; as `Pages.page`."""
        return self._pages.page(after, size)

    def reset(self) -> None:
        """Forget all of them."""
        self._pages.clear()
        self._bytes = 0


class Door:
    """Takes mail in; what goes wrong on demand goes wrong here. `aiosmtpd` calls it by its names.

    A client need not log in; one that does must know the key.
    """

    def __init__(self, mailbox: Mailbox, faults: Faults, api_key: str) -> None:
        self._mailbox = mailbox
        self._faults = faults
        self._api_key = api_key

    async def handle_DATA(  # noqa: N802 - aiosmtpd looks for that name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """What SMTP answers to a mail that has come whole."""
        fault = self._faults.drawn(Operation.MAIL)
        if fault is None:
            return self._take(envelope)
        return await self._wrong(fault, server, envelope)

    async def _wrong(self, fault: Fault, server: SMTP, envelope: Envelope) -> str:
        if fault.mode is Mode.FAIL:
            return f"{fault.status} the sandbox was told to refuse this"
        if fault.mode is Mode.DROP:
            # who waits here is cancelled with the connection
            cast("asyncio.Transport", server.transport).abort()
            await asyncio.sleep(IDLE_SECONDS)
        if fault.mode is Mode.TIMEOUT_AFTER:
            said = self._take(envelope)
            await asyncio.sleep(fault.seconds)
            return said
        await asyncio.sleep(fault.seconds)
        return self._take(envelope)

    def _take(self, envelope: Envelope) -> str:
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else bytes(content or b"")
        try:
            self._mailbox.take(str(envelope.mail_from or ""), list(envelope.rcpt_tos), raw)
        except LedgerFull as full:
            return f"452 {full}"
        return TAKEN

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        """Whether who logs in knows the key; the name does not matter."""
        known = isinstance(data, LoginPassword) and hmac.compare_digest(
            data.password, self._api_key.encode()
        )
        return AuthResult(success=known, handled=known)


class _MailSession(SMTP):
    """One client's connection; one too many is told to come later."""

    def __init__(self, door: Door, open_ones: set[_MailSession]) -> None:
        super().__init__(
            door,
            data_size_limit=LARGEST_MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname="sandbox",
            timeout=IDLE_SECONDS,
            auth_require_tls=False,
            authenticator=door.authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._open_ones = open_ones

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        if len(self._open_ones) >= MOST_CONNECTIONS:
            # libuv's transports are of no class of asyncio
            cast("asyncio.Transport", transport).write(TOO_MANY)
            transport.close()
            return
        self._open_ones.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone."""
        if self in self._open_ones:
            self._open_ones.discard(self)
            super().connection_lost(error)


async def serve_mail(door: Door, listening: socket.socket) -> asyncio.Server:
    """Take mail in on that socket from now on."""
    # it would write several lines for each connection
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    open_ones: set[_MailSession] = set()
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _MailSession(door, open_ones), sock=listening)
