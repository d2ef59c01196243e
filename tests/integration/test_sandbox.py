"""The sandbox as shops see it: over HTTP and SMTP, as a process of its own."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.e2e.receiver import Receiver, receiving
from tests.e2e.stack import until
from tests.sandbox import WEBHOOK_SECRET, Sandbox

KEY_OF_SECRET = b"sandbox-secret-of-tests"
SMTP_SECONDS = 10.0


def order(method: str = "tok_ok", **other: Any) -> dict[str, Any]:
    usual = {"reference": "pay_1", "amount": 1990, "currency": "EUR", "method": method}
    return usual | {"capture": False} | other


def post(sandbox: Sandbox, path: str, body: Any, key: str | None = None) -> httpx.Response:
    headers = {"idempotency-key": key or uuid4().hex}
    return sandbox.provider.post(path, json=body, headers=headers)


def authorised(sandbox: Sandbox, method: str = "tok_ok", **other: Any) -> str:
    answer = post(sandbox, "/v1/payments", order(method, **other))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def do(sandbox: Sandbox, what: str, payment: str, key: str | None = None) -> httpx.Response:
    return post(sandbox, f"/v1/payments/{payment}/{what}", {}, key)


def status_of(sandbox: Sandbox, payment: str) -> str:
    return str(sandbox.provider.get(f"/v1/payments/{payment}").json()["status"])


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def at_once(count: int, do_it: Callable[[], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(do_it) for _ in range(count)]]


# --- payments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([], "authorised"),
        (["capture"], "captured"),
        (["void"], "voided"),
        (["capture", "refund"], "refunded"),
    ],
)
def test_a_payment_goes_its_way(sandbox: Sandbox, steps: list[str], status: str) -> None:
    payment = authorised(sandbox)
    for step in steps:
        assert do(sandbox, step, payment, key=f"k:{step}").status_code == 200
    assert status_of(sandbox, payment) == status
    (charge,) = sandbox.payments()
    assert (charge.status, charge.amount, charge.reference) == (status, 1990, "pay_1")
    assert [event.event for event in charge.history] == ["authorise", *steps]
    assert [event.key for event in charge.history[1:]] == [f"k:{step}" for step in steps]


@pytest.mark.parametrize(
    ("before", "step", "status"),
    [
        ([], "refund", "authorised"),
        (["capture"], "void", "captured"),
        (["void"], "capture", "voided"),
        (["capture"], "capture", "captured"),
        (["capture", "refund"], "refund", "refunded"),
    ],
)
def test_what_a_state_does_not_allow_is_refused_and_says_the_state(
    sandbox: Sandbox, before: list[str], step: str, status: str
) -> None:
    payment = authorised(sandbox)
    for one in before:
        do(sandbox, one, payment)
    answer = do(sandbox, step, payment)
    assert code_of(answer) == (409, "invalid_state")
    assert answer.json()["error"]["status"] == status
    assert status_of(sandbox, payment) == status


def test_a_conflict_does_not_use_up_its_key(sandbox: Sandbox) -> None:
    payment = authorised(sandbox)
    assert do(sandbox, "refund", payment, key="undo").status_code == 409
    assert do(sandbox, "void", payment, key="undo").status_code == 200


def test_a_declined_card_is_an_answer_and_no_error(sandbox: Sandbox) -> None:
    answer = post(sandbox, "/v1/payments", order("tok_declined"))
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["decline_code"]) == ("declined", "card_declined")


def test_a_capture_that_is_declined_leaves_the_amount_held_until_a_void(sandbox: Sandbox) -> None:
    payment = authorised(sandbox, "tok_capture_declined")
    for _ in range(2):
        assert code_of(do(sandbox, "capture", payment, key="c")) == (402, "card_declined")
    assert status_of(sandbox, payment) == "authorised"
    assert do(sandbox, "void", payment).status_code == 200
    (charge,) = sandbox.payments()
    assert [one.event for one in charge.history] == ["authorise", "decline_capture", "void"]


def test_a_customer_confirms_after_a_while_or_leaves(sandbox: Sandbox) -> None:
    confirming, leaving = authorised(sandbox, "tok_action"), authorised(sandbox, "tok_leaves")
    assert status_of(sandbox, confirming) == "requires_action"
    until(lambda: status_of(sandbox, confirming) == "authorised")
    assert status_of(sandbox, leaving) == "requires_action"
    assert do(sandbox, "void", leaving).status_code == 200


def test_a_customer_does_not_confirm_what_was_voided(sandbox: Sandbox) -> None:
    sandbox.confirm_after(0.05)
    payment = authorised(sandbox, "tok_action")
    assert do(sandbox, "void", payment).status_code == 200
    later = authorised(sandbox, "tok_action")
    until(lambda: status_of(sandbox, later) == "authorised")
    assert status_of(sandbox, payment) == "voided"


def test_payments_are_found_by_reference_and_page_by_page(sandbox: Sandbox) -> None:
    ids = [authorised(sandbox, reference=f"pay_{index % 3}") for index in range(5)]
    found = sandbox.provider.get("/v1/payments", params={"reference": "pay_1"}).json()
    assert ([one["id"] for one in found["data"]], found["next"]) == ([ids[1], ids[4]], None)
    seen: list[str] = []
    after: str | None = "0"
    while after is not None:
        page = sandbox.provider.get("/v1/payments", params={"after": after, "limit": 2}).json()
        seen += [one["id"] for one in page["data"]]
        after = page["next"]
    assert seen == ids


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/payments", order("tok_nonsense"), (422, "unknown_method")),
        ("/v1/payments", order(amount=0), (422, "invalid_request")),
        ("/v1/payments", order(amount=19.9), (422, "invalid_request")),
        ("/v1/payments", order(capture=True), (422, "invalid_request")),
        ("/v1/payments/ch_none/capture", {}, (404, "not_found")),
        ("/v1/messages", {"to": "5", "text": "x", "reference": "r"}, (422, "invalid_request")),
        ("/v1/nothing", {}, (404, "not_found")),
        ("/v1/messages", {"text": "x" * 70_000}, (413, "too_large")),
    ],
)
def test_what_makes_no_sense_is_refused(
    sandbox: Sandbox, path: str, body: Any, expected: tuple[int, str]
) -> None:
    assert code_of(post(sandbox, path, body)) == expected
    assert not sandbox.payments()


def test_without_the_key_nothing_is_done_but_loopback_may_control(sandbox: Sandbox) -> None:
    asked = httpx.post(
        f"{sandbox.url}/v1/payments",
        json=order(),
        headers={"idempotency-key": "k", "authorization": "Bearer wrong"},
        trust_env=False,
    )
    assert code_of(asked) == (401, "unauthorised")
    assert sandbox.summary()["payments"] == 0


# --- idempotency --------------------------------------------------------------------------------


def test_a_key_is_done_once_and_answered_the_same_also_while_the_first_is_in_flight(
    sandbox: Sandbox,
) -> None:
    sandbox.fault("authorise", "slow", seconds=0.2, times=1)
    answers = at_once(10, lambda: post(sandbox, "/v1/payments", order(), key="one"))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.status_code for answer in answers} == {200}
    assert len(sandbox.payments()) == 1
    assert (sandbox.keys()["one"].replays, sandbox.keys()["one"].status) == (9, 200)


def test_a_key_of_another_request_is_refused(sandbox: Sandbox) -> None:
    payment = post(sandbox, "/v1/payments", order(), key="one").json()["id"]
    for answer in (
        post(sandbox, "/v1/payments", order(amount=2000), key="one"),
        do(sandbox, "capture", payment, key="one"),
    ):
        assert code_of(answer) == (422, "idempotency_mismatch")
    assert status_of(sandbox, payment) == "authorised"


def test_a_request_needs_a_key(sandbox: Sandbox) -> None:
    assert code_of(sandbox.provider.post("/v1/payments", json=order())) == (422, "invalid_request")


# --- messages and mail --------------------------------------------------------------------------


def test_a_message_is_sent_once_for_its_key(sandbox: Sandbox) -> None:
    body = {"to": "+5511999990000", "text": "On its way", "reference": "co_1"}
    first, second = (post(sandbox, "/v1/messages", body, key="sms:1") for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert first.json()["status"] == "sent"
    (message,) = sandbox.messages()
    assert (message.to, message.text, message.key) == (body["to"], body["text"], "sms:1")


def mail(subject: str = "Your order") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "shop@example.com", "ana@example.com"
    message["Subject"], message["Message-ID"] = subject, f"<{subject}@shop>"
    message.set_content("Olá Ana")
    message.add_alternative("<p>Olá Ana</p>", subtype="html")
    return message


def send(sandbox: Sandbox, *messages: EmailMessage, password: str = "") -> None:
    place = urlsplit(sandbox.smtp_url)
    with smtplib.SMTP(str(place.hostname), place.port or 0, timeout=SMTP_SECONDS) as smtp:
        if password:
            smtp.login("shop", password)
        for message in messages:
            smtp.send_message(message)


def test_mail_comes_into_the_mailbox_with_a_login_or_without(sandbox: Sandbox) -> None:
    send(sandbox, mail("Pedido nº 1"), mail("two"))
    send(sandbox, mail("three"), password=sandbox.api_key)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        send(sandbox, mail("four"), password="wrong")
    first, second, third = sandbox.mails()
    assert (first.subject, second.subject, third.subject) == ("Pedido nº 1", "two", "three")
    assert (first.sender, first.recipients) == ("shop@example.com", ["ana@example.com"])
    assert (str(first.text).strip(), str(first.html).strip()) == ("Olá Ana", "<p>Olá Ana</p>")


def test_mail_is_refused_lost_or_taken_without_an_answer_on_demand(sandbox: Sandbox) -> None:
    sandbox.fault("mail", "fail", times=1)
    with pytest.raises(smtplib.SMTPDataError, match="451"):
        send(sandbox, mail("refused"))
    sandbox.fault("mail", "drop", times=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(sandbox, mail("dropped"))
    assert not sandbox.mails()
    sandbox.fault("mail", "timeout_after", seconds=30.0, times=1)
    place = urlsplit(sandbox.smtp_url)
    with (
        pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"),
        smtplib.SMTP(str(place.hostname), place.port or 0, timeout=0.3) as smtp,
    ):
        smtp.send_message(mail("taken"))
    assert [one.subject for one in sandbox.mails()] == ["taken"]


# --- what goes wrong on demand ------------------------------------------------------------------


def test_it_fails_so_often_and_does_nothing_then(sandbox: Sandbox) -> None:
    sandbox.fault("authorise", "fail", status=500, times=2)
    answers = [post(sandbox, "/v1/payments", order(), key="k") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert len(sandbox.payments()) == 1


def test_a_timeout_comes_after_it_was_done(sandbox: Sandbox) -> None:
    sandbox.fault("capture", "timeout_after", times=1)
    payment = authorised(sandbox)
    headers = {"idempotency-key": "c"}
    with pytest.raises(httpx.ReadTimeout):
        sandbox.provider.post(
            f"/v1/payments/{payment}/capture", json={}, headers=headers, timeout=0.3
        )
    assert status_of(sandbox, payment) == "captured"
    assert do(sandbox, "capture", payment, key="c").status_code == 200
    assert sandbox.keys()["c"].replays == 1


def test_a_connection_is_dropped_before_anything_is_done(sandbox: Sandbox) -> None:
    sandbox.fault("authorise", "drop", times=1)
    with pytest.raises(httpx.TransportError):
        post(sandbox, "/v1/payments", order(), key="k")
    assert not sandbox.payments()
    assert post(sandbox, "/v1/payments", order(), key="k").status_code == 200


def test_a_share_fails_and_again_the_same_ones_after_a_reset(sandbox: Sandbox) -> None:
    def statuses() -> list[int]:
        sandbox.reset()
        sandbox.fault("lookup", "fail", share=0.5)
        return [sandbox.provider.get("/v1/payments").status_code for _ in range(30)]

    first = statuses()
    assert set(first) == {200, 503}
    assert statuses() == first


def test_faults_end_and_unfit_ones_are_refused(sandbox: Sandbox) -> None:
    sandbox.fault("sms", "fail")
    assert sandbox.happened() == 0
    sandbox.end_faults()
    body = {"to": "+5511999990000", "text": "x", "reference": "r"}
    assert post(sandbox, "/v1/messages", body).status_code == 202
    for operation, mode in (("sms", "twice"), ("webhook", "drop")):
        answer = sandbox.control.post(
            "/control/faults", json={"operation": operation, "mode": mode}
        )
        assert code_of(answer) == (422, "mode_does_not_fit")


# --- webhooks -----------------------------------------------------------------------------------


def types(receiver: Receiver) -> list[str]:
    return [httpx.Response(200, content=one.body).json()["type"] for one in receiver.messages]


def ids(receiver: Receiver) -> list[str]:
    return [one.headers["webhook-id"] for one in receiver.messages]


def test_webhooks_are_signed_and_tell_each_change(sandbox: Sandbox) -> None:
    with receiving() as receiver:
        sandbox.send_webhooks_to(receiver.url)
        payment = authorised(sandbox)
        until(lambda: len(receiver.messages) == 1)
        do(sandbox, "capture", payment)
        until(lambda: len(receiver.messages) == 2)
        do(sandbox, "refund", payment)
        until(lambda: len(receiver.messages) == 3)
        assert types(receiver) == ["payment.authorised", "payment.captured", "payment.refunded"]
        assert all(one.is_signed_with(KEY_OF_SECRET) for one in receiver.messages)
        assert abs(int(receiver.messages[0].headers["webhook-timestamp"]) - time.time()) < 60
        until(lambda: [one.state for one in sandbox.webhooks()] == ["delivered"] * 3)


def test_a_webhook_is_told_again_under_its_id_until_it_is_taken(sandbox: Sandbox) -> None:
    with receiving(500) as receiver:
        sandbox.send_webhooks_to(receiver.url)
        authorised(sandbox)
        until(lambda: len(receiver.messages) == 2)
        assert len(set(ids(receiver))) == 1
        until(lambda: sandbox.webhooks()[0].state == "delivered")
        assert sandbox.webhooks()[0].statuses == [500, 204]


def test_webhooks_come_twice_late_never_or_out_of_order_on_demand(sandbox: Sandbox) -> None:
    with receiving() as receiver:
        sandbox.send_webhooks_to(receiver.url)
        sandbox.fault("webhook", "never", times=1)
        authorised(sandbox)
        sandbox.fault("webhook", "twice", times=1)
        payment = authorised(sandbox)
        until(lambda: len(receiver.messages) == 2)
        assert len(set(ids(receiver))) == 1
        sandbox.fault("webhook", "late", seconds=0.3, times=1)
        do(sandbox, "capture", payment)
        do(sandbox, "refund", payment)
        until(lambda: len(receiver.messages) == 4)
        assert types(receiver)[2:] == ["payment.refunded", "payment.captured"]
        sandbox.fault("webhook", "out_of_order", seconds=30.0, times=1)
        held = authorised(sandbox)
        do(sandbox, "void", held)
        until(lambda: len(receiver.messages) == 6)
        assert types(receiver)[4:] == ["payment.voided", "payment.authorised"]
        assert sandbox.webhooks()[0].state == "withheld"


def test_nobody_is_told_until_an_address_is_given(sandbox: Sandbox) -> None:
    authorised(sandbox)
    assert [one.state for one in sandbox.webhooks()] == ["withheld"]
    assert WEBHOOK_SECRET not in str(sandbox.summary())
