"""The adapters of providers against the sandbox, a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from pedidos_checkout.adapters.http.json_calls import JsonCalls, Target
from pedidos_checkout.adapters.http.payments import HttpPayments
from pedidos_checkout.adapters.http.sms import HttpSms
from pedidos_checkout.adapters.smtp.mail import SmtpMail, server_of
from pedidos_checkout.adapters.smtp.messages import address_of
from pedidos_checkout.domain.payments import PaymentStatus
from pedidos_checkout.ports import (
    EMAIL,
    PAYMENT,
    SMS,
    Mail,
    ProviderPaused,
    ProviderRefused,
    ProviderUnavailable,
    TextMessage,
)
from pedidos_checkout.settings import CheckoutSettings
from pedidos_checkout.wiring import Providers, providers_of
from pedidos_common.runtime.connections import ServerSettings, connected
from pedidos_common.runtime.metrics import new_registry
from pedidos_common.testing.eventually import eventually
from tests.sandbox import Sandbox

TIMEOUT_SECONDS = 0.5
AMOUNT = Decimal("19.90")


def key() -> str:
    return f"co_{uuid4().hex}:payment"


def target(sandbox: Sandbox, provider: str, api_key: str | None = None) -> Target:
    return Target(provider, sandbox.url, api_key or sandbox.api_key, "look at PAYMENT_URL")


@pytest.fixture
async def payments(sandbox: Sandbox) -> AsyncIterator[HttpPayments]:
    calls = JsonCalls(target(sandbox, PAYMENT), TIMEOUT_SECONDS, 16)
    yield HttpPayments(calls)
    await calls.close()


@pytest.fixture
async def sms(sandbox: Sandbox) -> AsyncIterator[HttpSms]:
    calls = JsonCalls(target(sandbox, SMS), TIMEOUT_SECONDS, 4)
    yield HttpSms(calls)
    await calls.close()


@pytest.fixture
async def mail(sandbox: Sandbox) -> AsyncIterator[SmtpMail]:
    server, sender = server_of(sandbox.smtp_url), address_of("Loja do Zé <shop@example.com>")
    sent = SmtpMail(server, sender, TIMEOUT_SECONDS, lambda: datetime(2026, 1, 2, tzinfo=UTC))
    yield sent
    await sent.close()


# --- payments


async def test_money_is_held_taken_and_given_back(payments: HttpPayments) -> None:
    held = await payments.authorise(key(), "pay_1", AMOUNT, "EUR", "tok_ok")
    assert (held.status, held.amount, held.currency) == (PaymentStatus.AUTHORISED, AMOUNT, "EUR")
    assert held.reference == "pay_1"
    assert held.created_at is not None
    assert held.created_at.tzinfo is not None
    assert (await payments.capture(key(), held.id)).status is PaymentStatus.CAPTURED
    assert (await payments.refund(key(), held.id)).status is PaymentStatus.REFUNDED
    other = await payments.authorise(key(), "pay_2", AMOUNT, "EUR", "tok_ok")
    assert (await payments.void(key(), other.id)).status is PaymentStatus.VOIDED


async def test_yen_have_no_cents(payments: HttpPayments, sandbox: Sandbox) -> None:
    held = await payments.authorise(key(), "pay_1", Decimal("1990.00"), "JPY", "tok_ok")
    assert held.amount == Decimal("1990.00")
    assert [one.amount for one in sandbox.payments()] == [1990]
    with pytest.raises(ProviderRefused, match="amount_impossible"):
        await payments.authorise(key(), "pay_2", Decimal("19.90"), "JPY", "tok_ok")


async def test_a_declined_card_is_an_answer(payments: HttpPayments) -> None:
    declined = await payments.authorise(key(), "pay_1", AMOUNT, "EUR", "tok_declined")
    assert declined.status is PaymentStatus.DECLINED
    assert declined.decline_code
    held = await payments.authorise(key(), "pay_2", AMOUNT, "EUR", "tok_capture_declined")
    with pytest.raises(ProviderRefused) as refused:
        await payments.capture(key(), held.id)
    assert refused.value.code == "card_declined"


async def test_what_a_state_does_not_allow_is_refused(payments: HttpPayments) -> None:
    held = await payments.authorise(key(), "pay_1", AMOUNT, "EUR", "tok_ok")
    with pytest.raises(ProviderRefused, match="refund") as refused:
        await payments.refund(key(), held.id)
    assert (refused.value.provider, refused.value.code) == (PAYMENT, "invalid_state")


@pytest.mark.parametrize("mode", ["timeout_after", "slow", "drop", "fail"])
async def test_a_call_without_an_answer_is_made_again_and_charges_once(
    payments: HttpPayments, sandbox: Sandbox, mode: str
) -> None:
    the_key = key()
    sandbox.fault("authorise", mode, seconds=TIMEOUT_SECONDS * 1.6, times=1)  # type: ignore[arg-type]
    with pytest.raises(ProviderUnavailable, match="authorise"):
        await payments.authorise(the_key, "pay_1", AMOUNT, "EUR", "tok_ok")

    async def again() -> str | None:
        with contextlib.suppress(ProviderPaused, ProviderUnavailable):  # the first is under way
            return (await payments.authorise(the_key, "pay_1", AMOUNT, "EUR", "tok_ok")).id
        return None

    found = await eventually(again)
    assert await again() == found
    (charge,) = sandbox.payments()
    assert charge.id == found
    assert charge.reference == "pay_1"


async def test_a_capture_that_was_done_unheard_is_done_once(
    payments: HttpPayments, sandbox: Sandbox
) -> None:
    held = await payments.authorise(key(), "pay_1", AMOUNT, "EUR", "tok_ok")
    sandbox.fault("capture", "timeout_after", seconds=0.6, times=1)
    the_key = key()
    with pytest.raises(ProviderUnavailable):
        await payments.capture(the_key, held.id)
    sandbox.end_faults()

    async def again() -> bool:
        with contextlib.suppress(ProviderPaused, ProviderUnavailable):
            captured = await payments.capture(the_key, held.id)
            return captured.status is PaymentStatus.CAPTURED
        return False

    await eventually(again)
    (charge,) = sandbox.payments()
    assert [one.event for one in charge.history].count("capture") == 1


async def test_another_call_under_the_same_key_is_refused(payments: HttpPayments) -> None:
    the_key = key()
    await payments.authorise(the_key, "pay_1", AMOUNT, "EUR", "tok_ok")
    with pytest.raises(ProviderRefused, match="idempotency_mismatch"):
        await payments.authorise(the_key, "pay_1", AMOUNT + 1, "EUR", "tok_ok")


async def test_payments_are_looked_up(payments: HttpPayments) -> None:
    held = [
        await payments.authorise(key(), f"pay_{n}", AMOUNT, "EUR", method)
        for n, method in [(1, "tok_ok"), (2, "tok_declined"), (2, "tok_ok"), (3, "tok_leaves")]
    ]
    assert await payments.get(held[0].id) == held[0]
    assert await payments.get("ch_unknown/../x") is None
    assert await payments.find("pay_2") == held[2]  # not the declined one
    assert await payments.find("pay_9") is None
    first, cursor = await payments.page(None, 3)
    rest, end = await payments.page(cursor, 3)
    assert [*first, *rest] == held
    assert end is None


async def test_a_wrong_key_refuses_no_payment_and_is_not_shown(sandbox: Sandbox) -> None:
    calls = JsonCalls(target(sandbox, PAYMENT, "hunter2-wrong-key"), TIMEOUT_SECONDS, 1)
    with pytest.raises(ProviderUnavailable, match="PAYMENT_URL") as told:
        await HttpPayments(calls).authorise(key(), "pay_1", AMOUNT, "EUR", "tok_ok")
    assert "hunter2" not in str(told.value)
    await calls.close()


# --- messages


async def test_a_text_message_is_sent_once_for_each_key(sms: HttpSms, sandbox: Sandbox) -> None:
    message = TextMessage("co_1:sms", "+34600000001", "Pedido já está a caminho")
    sandbox.fault("sms", "timeout_after", seconds=0.6, times=1)
    with pytest.raises(ProviderUnavailable):
        await sms.send(message)
    await eventually(sandbox.messages)

    async def again() -> bool:
        with contextlib.suppress(ProviderPaused, ProviderUnavailable):
            await sms.send(message)
            return True
        return False

    await eventually(again)
    (sent,) = sandbox.messages()
    assert (sent.to, sent.text, sent.reference) == (message.to, message.text, message.id)
    with pytest.raises(ProviderRefused):
        await sms.send(TextMessage("co_2:sms", "nobody", "x"))


async def test_a_number_goes_to_the_provider_without_its_groups(
    sms: HttpSms, sandbox: Sandbox
) -> None:
    await sms.send(TextMessage("co_1:sms", "+55 11 91234-5678", "x"))
    assert [sent.to for sent in sandbox.messages()] == ["+5511912345678"]


async def test_mail_arrives_as_it_was_written(mail: SmtpMail, sandbox: Sandbox) -> None:
    text = "Olá,\n.\nobrigado pelo pedido ñ\n" + "x" * 2_000
    subject = "Pedido nº 1\r\nBcc: evil@example.com"
    await mail.send(Mail("co_1:confirmation", "ana@example.com", subject, text))
    await mail.send(Mail("co_2:confirmation", "bea@example.com", "Outro", "b"))
    await mail.send(Mail("co_1:confirmation", "ana@example.com", subject, text))
    first, second, again = sandbox.mails()
    assert first.recipients == ["ana@example.com"]
    assert first.subject == "Pedido nº 1 Bcc: evil@example.com"
    assert (first.text or "").splitlines() == text.splitlines()
    # the id of a checkout is a secret, and headers are read on the way
    assert re.fullmatch("<[0-9a-f]{40}@example.com>", first.message_id)
    assert "co_1" not in str(first.headers)
    assert again.message_id == first.message_id != second.message_id
    assert first.headers["from"] == "Loja do Zé <shop@example.com>"
    assert first.headers["date"].startswith("Fri, 02 Jan 2026")
    assert "bcc" not in first.headers


@pytest.mark.parametrize(
    "to", ["a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "", "nobody"]
)
async def test_an_address_that_is_none_is_refused(mail: SmtpMail, to: str) -> None:
    with pytest.raises(ProviderRefused, match="bad_address"):
        await mail.send(Mail("co_1:confirmation", to, "s", "t"))


async def test_mail_goes_on_after_a_server_in_trouble(mail: SmtpMail, sandbox: Sandbox) -> None:
    one = Mail("co_1:confirmation", "ana@example.com", "s", "t")
    await mail.send(one)
    for mode, status in (("fail", 451), ("drop", None), ("fail", 421)):
        sandbox.fault("mail", mode, status=status, times=1)  # type: ignore[arg-type]
        with pytest.raises(ProviderUnavailable, match="SMTP_URL"):
            await mail.send(one)
        await mail.send(one)
    sandbox.fault("mail", "fail", status=554, times=1)
    with pytest.raises(ProviderRefused, match="smtp_554"):
        await mail.send(one)
    await asyncio.gather(*(mail.send(one) for _ in range(5)))
    assert len(sandbox.mails()) == 9


# --- guarded, in two processes' worth of adapters


def settings_of(sandbox: Sandbox) -> CheckoutSettings:
    environ = {name.lower(): value for name, value in sandbox.environ().items()}
    return CheckoutSettings.model_validate(
        environ | {"provider_timeout_ms": 300, "breaker_pause_seconds": 0.5}
    )


@pytest.fixture
async def two(
    sandbox: Sandbox, redis_url: str, redis_prefix: str, mongo_uri: str
) -> AsyncIterator[list[tuple[Providers, CollectorRegistry]]]:
    servers = ServerSettings.model_validate(
        {"mongo_uri": mongo_uri, "redis_url": redis_url, "key_prefix": redis_prefix}
    )
    async with contextlib.AsyncExitStack() as stack:
        found: list[tuple[Providers, CollectorRegistry]] = []
        for name in ("one", "other"):
            connections = await stack.enter_async_context(connected(servers, name))
            registry = new_registry()
            providers = providers_of(settings_of(sandbox), connections, registry)
            stack.push_async_callback(providers.close)
            found.append((providers, registry))
        yield found


async def authorised(providers: Providers) -> str:
    assert providers.payment is not None
    payment = await providers.payment.authorise(key(), "pay_1", AMOUNT, "EUR", "tok_ok")
    return payment.status


def metric(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


async def test_a_provider_that_fails_is_left_alone_by_all_and_comes_back(
    two: list[tuple[Providers, CollectorRegistry]], sandbox: Sandbox
) -> None:
    (one, mine), (other, theirs) = two
    assert await authorised(one) == await authorised(other) == "authorised"
    sandbox.fault("authorise", "fail", status=503)
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            await authorised(one)
    with pytest.raises(ProviderPaused) as paused:
        await authorised(one)
    assert 0 < paused.value.retry_after_seconds < 2.0
    assert metric(mine, "pedidos_breaker_state", provider=PAYMENT) == 2
    assert metric(mine, "pedidos_breaker_opened_total", provider=PAYMENT) == 1

    async def other_knows() -> bool:
        with pytest.raises((ProviderPaused, ProviderUnavailable)) as error:
            await authorised(other)
        return isinstance(error.value, ProviderPaused)

    await eventually(other_knows)
    assert other.mail is not None
    await other.mail.send(Mail("m", "a@example.com", "s", "t"))  # each has a breaker of its own
    asked = sandbox.happened()
    sandbox.end_faults()
    assert asked <= 5 + 3

    async def closed() -> bool:
        with contextlib.suppress(ProviderPaused):
            return await authorised(other) == "authorised"
        return False

    await eventually(closed)
    assert metric(theirs, "pedidos_breaker_state", provider=PAYMENT) == 0

    async def closed_for_one() -> bool:
        with contextlib.suppress(ProviderPaused):
            return await authorised(one) == "authorised"
        return False

    await eventually(closed_for_one)
    calls = "pedidos_provider_calls_total"
    labels = {"provider": PAYMENT, "operation": "authorise"}
    assert metric(mine, calls, **labels, outcome="unavailable") == 5
    assert metric(mine, calls, **labels, outcome="paused") >= 1


async def test_refusals_do_not_open_a_breaker(
    two: list[tuple[Providers, CollectorRegistry]], sandbox: Sandbox
) -> None:
    (one, mine), _other = two
    assert one.sms is not None
    for _ in range(6):
        with pytest.raises(ProviderRefused):
            await one.sms.send(TextMessage("co_2:sms", "nobody", "x"))
    assert metric(mine, "pedidos_breaker_state", provider=SMS) == 0
    assert metric(mine, "pedidos_breaker_state", provider=EMAIL) == 0
