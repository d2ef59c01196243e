"""Mail goes over TLS where it is offered, and a password never goes without it over a network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from pedidos_checkout.adapters.smtp import mail as module
from pedidos_checkout.adapters.smtp.mail import MailServer, SmtpMail, server_of
from pedidos_checkout.adapters.smtp.messages import address_of
from pedidos_checkout.ports import Mail, ProviderRefused, ProviderUnavailable

MAIL = Mail("co_1:confirmation", "ana@example.com", "Pedido", "texto")
PASSWORD = "hunter2 of:mail"
URL = "shop:hunter2%20of%3Amail@localhost"


@dataclass
class Door:
    """What the server does with mail, and what it saw. aiosmtpd calls it by its names."""

    over_tls: list[bool] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)
    transports: list[Any] = field(default_factory=list)
    go: asyncio.Event | None = None

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("nobody"):
            return f"550 no such user; your password is {PASSWORD}"
        if address.startswith("full"):
            return f"452 4.2.2 <{address}>: over quota, call +55 11 91234-5678"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        if envelope.rcpt_tos[0].startswith("later"):
            return f"451 4.7.1 greylisted {envelope.rcpt_tos[0]}, come again in 300 s"
        self.over_tls.append(session.ssl is not None)
        self.sessions.add(id(session))
        self.transports.append(server.transport)
        if self.go is not None:
            await self.go.wait()
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.password)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@dataclass
class Served:
    door: Door
    port: int
    tls_port: int


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    door, loop = Door(), asyncio.get_running_loop()

    def protocol(*, offers: bool) -> SMTP:
        return SMTP(
            door,
            hostname="localhost",
            authenticator=door.authenticate,
            auth_require_tls=offers,
            tls_context=context if offers else None,
            require_starttls=offers,
        )

    offering = await loop.create_server(lambda: protocol(offers=True), "localhost", 0)
    wrapped = await loop.create_server(lambda: protocol(offers=False), "localhost", 0, ssl=context)
    ports = [server.sockets[0].getsockname()[1] for server in (offering, wrapped)]
    yield Served(door, *ports)
    for server in (offering, wrapped):
        server.close()


def sending(server: MailServer) -> SmtpMail:
    sender = address_of("shop@example.com")
    return SmtpMail(server, sender, 5.0, lambda: datetime(2026, 1, 2, tzinfo=UTC))


async def test_a_connection_changes_to_tls_and_is_kept(served: Served) -> None:
    mail = sending(server_of(f"smtp://{URL}:{served.port}"))
    for _ in range(3):
        await mail.send(MAIL)
    await mail.close()
    assert served.door.over_tls == [True] * 3
    assert served.door.logins == [PASSWORD.encode()]
    assert len(served.door.sessions) == 1


async def test_a_connection_that_the_server_closed_meanwhile_costs_no_mail(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    mail = sending(server_of(f"smtp://{URL}:{served.port}"))
    for _ in range(2):
        await mail.send(MAIL)
        served.door.transports[-1].abort()
    await mail.send(MAIL)
    await mail.close()
    assert len(served.door.sessions) == 3


async def test_the_answer_to_a_mail_that_was_given_up_is_not_taken_for_the_next_ones(
    served: Served,
) -> None:
    mail = sending(server_of(f"smtp://{URL}:{served.port}"))
    served.door.go = asyncio.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mail.send(MAIL), 0.3)
    served.door.go.set()
    with pytest.raises(ProviderRefused, match="smtp_550"):
        await mail.send(Mail("1", "nobody@example.com", "s", "t"))
    await mail.send(MAIL)
    await mail.close()
    assert len(served.door.sessions) == 2


async def test_tls_from_the_start(served: Served) -> None:
    mail = sending(server_of(f"smtps://localhost:{served.tls_port}"))
    await mail.send(MAIL)
    await mail.close()
    assert len(served.door.over_tls) == 1


async def test_a_server_that_does_not_prove_its_name_gets_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    mail = sending(server_of(f"smtp://{URL}:{served.port}"))
    with pytest.raises(ProviderUnavailable, match="SMTP_URL"):
        await mail.send(MAIL)
    assert served.door.logins == []


async def test_a_password_is_not_sent_without_tls(sandbox_process: Any) -> None:
    plain = server_of(sandbox_process.smtp_url)
    server = MailServer(plain.host, plain.port, "shop", PASSWORD, secure=True)
    with pytest.raises(ProviderUnavailable, match="SMTP_URL"):
        await sending(server).send(MAIL)


async def test_a_wrong_password_is_not_shown(served: Served) -> None:
    mail = sending(MailServer("localhost", served.port, "shop", "hunter2-wrong"))
    with pytest.raises(ProviderUnavailable, match="535") as told:
        await mail.send(MAIL)
    assert "hunter2" not in str(told.value)
    assert served.door.logins


async def test_a_recipient_is_refused_for_good_or_for_now_and_others_get_theirs(
    served: Served,
) -> None:
    mail = sending(server_of(f"smtp://{URL}:{served.port}"))
    with pytest.raises(ProviderRefused, match="smtp_550") as refused:
        await mail.send(Mail("1", "nobody@example.com", "s", "t"))
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ProviderUnavailable, match="452") as full:
        await mail.send(Mail("2", "full@example.com", "s", "t"))
    assert "example.com" not in str(full.value)
    assert "91234" not in str(full.value)
    assert "(452 4.2.2 for this recipient)" in str(full.value)
    with pytest.raises(
        ProviderUnavailable, match=r"451 4\.7\.1 greylisted \*\*\*, come again"
    ) as later:
        await mail.send(Mail("3", "later@example.com", "s", "t"))
    assert "SMTP_URL" in str(later.value)
    assert full.value.blames_provider is False
    await mail.send(MAIL)
    assert len(served.door.logins) == 1
    await mail.close()


@pytest.mark.parametrize(
    ("url", "port", "starts"),
    [
        ("smtp://mail.example", 25, None),
        ("smtp://u:p@mail.example", 587, True),
        ("smtp://u:p@127.0.0.1", 587, None),
        ("smtp://u:p@[::1]:2525", 2525, None),
        ("smtps://u:p@mail.example", 465, False),
    ],
)
def test_what_an_address_says(url: str, port: int, starts: bool | None) -> None:
    server = server_of(url)
    assert (server.port, server.starts_tls) == (port, starts)


@pytest.mark.parametrize("url", ["http://h", "smtp://", "smtp://h:0", "smtp://h:x", "smtp://[::1"])
def test_a_wrong_address_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="smtp://user:password@host:587"):
        server_of(url)
