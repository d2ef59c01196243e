"""What the sandbox keeps is bounded, and what it draws can be drawn again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from aiosmtpd.smtp import Envelope
from pydantic import SecretStr

from pedidos_sandbox.answers import Answer, LedgerFull, Refused
from pedidos_sandbox.faults import FaultOrder, Faults, Mode, Operation
from pedidos_sandbox.mailbox import Door
from pedidos_sandbox.provider import PaymentOrder
from pedidos_sandbox.sandbox import Sandbox
from pedidos_sandbox.settings import SandboxSettings, load
from pedidos_sandbox.webhooks import WebhookState

ORDER = PaymentOrder("pay_1", 100, "EUR", "tok_ok")


def small(*statuses: int, **own: object) -> Sandbox:
    """A sandbox that keeps two of each; whom it tells answers with `statuses` in turn."""
    answers = iter(statuses)

    async def post(_url: str, _body: bytes, _headers: Mapping[str, str]) -> int:
        return next(answers)

    settings = {
        "api_key": SecretStr("sandbox-key"),
        "webhook_secret": SecretStr("sandbox-secret-of-tests"),
        "ledger_limit": 2,
        **own,
    }
    return Sandbox(SandboxSettings.model_validate(settings), post)


async def test_past_its_bound_it_refuses_and_says_how_to_go_on() -> None:
    sandbox = small()
    for _ in range(2):
        sandbox.provider.authorise(ORDER, "k")
        sandbox.messages.send("+5511999990000", "text", "r", "k")
    with pytest.raises(
        LedgerFull, match=r"2 payments.*pedidos sandbox reset.*LEDGER_LIMIT"
    ) as full:
        sandbox.provider.authorise(ORDER, "k")
    assert full.value.status == 507
    with pytest.raises(LedgerFull, match="2 messages"):
        sandbox.messages.send("+5511999990000", "text", "r", "k")
    assert (len(sandbox.provider), len(sandbox.webhooks)) == (2, 2)
    sandbox.reset()
    sandbox.provider.authorise(ORDER, "k")


async def test_past_its_bound_mail_is_refused_for_now() -> None:
    sandbox = small()
    door = Door(sandbox.mailbox, sandbox.faults, "sandbox-key")
    envelope = Envelope()
    envelope.mail_from, envelope.rcpt_tos, envelope.content = "a@b", ["c@d"], b"Subject: x\r\n\r\n"
    said = [await door.handle_DATA(None, None, envelope) for _ in range(3)]  # type: ignore[arg-type]
    assert [one[:3] for one in said] == ["250", "250", "452"]


async def test_keys_are_bounded_and_one_that_was_refused_is_free_again() -> None:
    keys = small().keys

    async def refuse() -> Answer:
        raise Refused(404, "not_found", "no")

    async def answer() -> Answer:
        return Answer.of({})

    with pytest.raises(Refused, match="no"):
        await keys.answered("k", "f", refuse)
    for number in range(8):
        await keys.answered(f"k{number}", "f", answer)
    with pytest.raises(LedgerFull, match="idempotency keys"):
        await keys.answered("k", "f", answer)


async def test_who_waits_for_a_first_request_that_is_refused_goes_on_in_its_place() -> None:
    keys = small().keys
    go = asyncio.Event()

    async def refuse() -> Answer:
        await go.wait()
        raise Refused(404, "not_found", "no")

    async def answer() -> Answer:
        return Answer.of({"done": True})

    first = asyncio.create_task(keys.answered("k", "f", refuse))
    await asyncio.sleep(0)
    second = asyncio.create_task(keys.answered("k", "f", answer))
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(Refused, match="no"):
        await first
    assert (await second).body == b'{"done":true}'


async def test_a_first_request_that_takes_too_long_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pedidos_sandbox.keys.IN_FLIGHT_SECONDS", 0.01)
    keys = small().keys
    go = asyncio.Event()

    async def slow() -> Answer:
        await go.wait()
        return Answer.of({})

    first = asyncio.create_task(keys.answered("k", "f", slow))
    await asyncio.sleep(0)
    with pytest.raises(Refused) as early:
        await keys.answered("k", "f", slow)
    assert (early.value.status, early.value.error["code"]) == (409, "in_progress")
    go.set()
    await first


async def test_a_webhook_that_nobody_takes_is_given_up() -> None:
    sandbox = small(500, 500, webhook_url="http://shop/hook", webhook_attempts=1)
    delivering = asyncio.create_task(sandbox.webhooks.run())
    sandbox.provider.authorise(ORDER, "k")
    (webhook,) = sandbox.webhooks.page(0, 10)[0]
    async with asyncio.timeout(10):
        while webhook.state is WebhookState.PENDING:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
    assert webhook.state is WebhookState.GIVEN_UP
    assert [one.status for one in webhook.deliveries] == [500]
    delivering.cancel()


def hits(faults: Faults, count: int = 200) -> list[bool]:
    return [faults.drawn(Operation.SMS) is not None for _ in range(count)]


def test_a_share_follows_from_the_seed_whatever_else_is_drawn_meanwhile() -> None:
    order = FaultOrder(Operation.SMS, Mode.FAIL, share=0.3)
    one, other, third = Faults(7), Faults(7), Faults(8)
    for faults in (one, other, third):
        faults.add(order)
    other.add(FaultOrder(Operation.CAPTURE, Mode.FAIL, share=0.5))
    expected = hits(one)
    assert 30 < sum(expected) < 90
    interleaved = []
    for _ in range(200):
        other.drawn(Operation.CAPTURE)
        interleaved += hits(other, 1)
    assert interleaved == expected
    assert hits(third) != expected


def test_of_several_faults_the_first_that_is_not_used_up_counts() -> None:
    faults = Faults(0)
    faults.add(FaultOrder(Operation.SMS, Mode.FAIL, times=1))
    faults.add(FaultOrder(Operation.SMS, Mode.DROP))
    drawn = [faults.drawn(Operation.SMS) for _ in range(3)]
    assert [fault and fault.mode for fault in drawn] == [Mode.FAIL, Mode.DROP, Mode.DROP]


def test_too_many_faults_are_refused() -> None:
    faults = Faults(0)
    for _ in range(100):
        faults.add(FaultOrder(Operation.SMS, Mode.FAIL))
    with pytest.raises(Refused, match="100 faults are on"):
        faults.add(FaultOrder(Operation.SMS, Mode.FAIL))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SANDBOX_API_KEY", ""),
        ("SANDBOX_WEBHOOK_SECRET", "whsec_not*base64*at*all"),
        ("SANDBOX_WEBHOOK_URL", "ftp://shop"),
        ("SANDBOX_PORT", "x"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("SANDBOX_API_KEY", "sandbox-key")
    monkeypatch.setenv("SANDBOX_WEBHOOK_SECRET", "sandbox-secret-of-tests")
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"Can't start: {name}: ")
    assert "base64*at" not in said
    assert "sandbox-" not in said
