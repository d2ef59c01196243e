"""Mail over SMTP, on one connection that is kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib

from pedidos_checkout.adapters.people import without_people
from pedidos_checkout.adapters.smtp.messages import NoMail, message_of
from pedidos_checkout.ports import EMAIL, Mail, ProviderRefused, ProviderUnavailable
from pedidos_common.runtime.redaction import HIDDEN, redact

TLS_PORT, SUBMISSION_PORT, PLAIN_PORT = 465, 587, 25
FRESH_SECONDS = 5.0  # a connection that rested longer is asked first whether it is still there
MAILS_A_CONNECTION = 100
GOODBYE_SECONDS = 1.0
LONGEST_REASON = 300
SETTING = "look at SMTP_URL"
ENHANCED_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")  # RFC 3463


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over; `secure` says whether a connection without TLS is refused."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False
    secure: bool = False

    @property
    def starts_tls(self) -> bool | None:
        """Whether a connection changes to TLS; None is: where that is offered."""
        if self.tls:
            return False
        return True if self.secure else None


def server_of(url: str) -> MailServer:
    """The server of `smtp://user:password@host:port`, or `smtps://` for TLS from the start.

    `smtp://` changes to TLS where the server offers it, and must where a password goes over a
    network.

    Raises:
        ValueError: how an address is written; holds nothing of this one, which has a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or port == 0 or parts.scheme not in {"smtp", "smtps"}:
        raise ValueError("an address like smtp://user:password@host:587 or smtps://host:465")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    tls = parts.scheme == "smtps"
    usual = TLS_PORT if tls else SUBMISSION_PORT if username else PLAIN_PORT
    secure = bool(password) and not _is_here(host)
    return MailServer(host, port or usual, username or None, password or None, tls, secure)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SmtpMail:
    """See `pedidos_checkout.ports.MailSender`: one mail at a time, each in a bounded time."""

    def __init__(
        self,
        server: MailServer,
        sender: Address,
        timeout_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._server, self._sender = server, sender
        self._timeout_seconds, self._clock = timeout_seconds, clock
        self._one_at_a_time = asyncio.Lock()
        self._connection: aiosmtplib.SMTP | None = None
        self._used_at, self._sent = 0.0, 0

    async def send(self, mail: Mail) -> None:
        """Hand the mail over.

        Raises:
            ProviderRefused: when it, or whom it is for, is refused for good.
            ProviderUnavailable: when it could not be handed over now.
        """
        try:
            message = message_of(mail, self._sender, self._clock())
        except NoMail as error:
            raise ProviderRefused(EMAIL, "bad_address", str(error)) from None
        async with self._one_at_a_time:
            await self._hand_over(message)

    async def _hand_over(self, message: EmailMessage) -> None:
        is_usable = False
        try:
            connection = await self._connected()
            await connection.send_message(message)
            is_usable = True
        except aiosmtplib.SMTPRecipientsRefused as error:
            is_usable = True
            raise self._of_recipient(error.recipients[0]) from None
        except aiosmtplib.SMTPDataError as error:
            is_usable = error.code != aiosmtplib.SMTPStatus.domain_unavailable
            raise self._of_answer(error.code, error.message) from None
        except aiosmtplib.SMTPNotSupported as error:
            raise ProviderRefused(EMAIL, "bad_address", self._shown(error.message)) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._unavailable(str(error) or type(error).__name__) from None
        finally:
            # also of a mail that was cancelled half way: nobody knows what would come next
            self._after(is_usable=is_usable)

    def _after(self, *, is_usable: bool) -> None:
        self._used_at, self._sent = time.monotonic(), self._sent + 1
        if not is_usable or self._sent >= MAILS_A_CONNECTION:
            self._drop()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._connection is not None and not await self._is_there(self._connection):
            self._drop()
        if self._connection is None:
            self._connection = self._new()
            self._sent = 0
            await self._connection.connect()
        return self._connection

    async def _is_there(self, connection: aiosmtplib.SMTP) -> bool:
        if not connection.is_connected:
            return False
        if time.monotonic() - self._used_at < FRESH_SECONDS:
            return True
        try:
            await connection.noop()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True

    def _new(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls,
            start_tls=server.starts_tls,
            timeout=self._timeout_seconds,
        )

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def close(self) -> None:
        """Take leave of the server, for a moment at most."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await connection.quit()
        connection.close()

    def _of_recipient(self, error: aiosmtplib.SMTPRecipientRefused) -> Exception:
        if error.code >= 500:
            return ProviderRefused(EMAIL, f"smtp_{error.code}", _told_of(error))
        # a mailbox that is full or has us wait says nothing of other people's mail
        reason = f"{error.code} {_told_of(error)}"
        return ProviderUnavailable(EMAIL, "send", reason, blames_provider=False)

    def _of_answer(self, code: int, message: str) -> Exception:
        if code >= 500:
            return ProviderRefused(EMAIL, f"smtp_{code}", self._shown(message))
        return self._unavailable(message, f"{code} ")

    def _unavailable(self, reason: str, code: str = "") -> ProviderUnavailable:
        return ProviderUnavailable(EMAIL, "send", f"{code}{self._shown(reason)}; {SETTING}")

    def _shown(self, text: str) -> str:
        password = self._server.password
        shown = redact(text.replace(password, HIDDEN) if password else text)
        return without_people(shown)[:LONGEST_REASON]


def _told_of(error: aiosmtplib.SMTPRecipientRefused) -> str:
    """Its enhanced status alone: what else a server says of a mailbox is about somebody."""
    status = ENHANCED_STATUS.match(error.message)
    return f"{status[0]} for this recipient" if status else "for this recipient"
