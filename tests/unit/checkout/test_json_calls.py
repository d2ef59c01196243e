"""What a provider answers over HTTP, whatever it is, in our own terms."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pedidos_checkout.adapters.http import json_calls
from pedidos_checkout.adapters.http.json_calls import JsonCalls, Target
from pedidos_checkout.adapters.http.payments import HttpPayments
from pedidos_checkout.adapters.people import without_people
from pedidos_checkout.domain.minor_units import from_minor, to_minor
from pedidos_checkout.ports import (
    ProviderBusy,
    ProviderLimited,
    ProviderRefused,
    ProviderUnavailable,
)

API_KEY = "hunter2-of-the-provider"
TARGET = Target("payment", "https://pay.example/api/", API_KEY, "look at PAYMENT_URL")
PAYMENT: dict[str, Any] = {
    "id": "ch_1",
    "reference": "pay_1",
    "amount": 1990,
    "currency": "EUR",
    "status": "authorised",
    "created": "2026-01-02T03:04:05.000Z",
}


def answering(answer: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> JsonCalls:
    def handler(request: httpx.Request) -> httpx.Response:
        whole = answer(request) if callable(answer) else answer
        stream = httpx.ByteStream(whole.content)
        return httpx.Response(whole.status_code, headers=whole.headers, stream=stream)

    return JsonCalls(TARGET, 1.0, 1, httpx.MockTransport(handler))


def error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def test_a_request_says_who_asks_and_under_which_key() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=PAYMENT)

    payments = HttpPayments(answering(answer))
    await payments.authorise("co_1:payment", "pay_1", Decimal("19.90"), "EUR", "tok_ok")
    await payments.capture("co_1:capture", "ch_1/../2")
    assert [str(one.url) for one in asked] == [
        "https://pay.example/api/v1/payments",
        "https://pay.example/api/v1/payments/ch_1%2F..%2F2/capture",
    ]
    assert asked[0].headers["idempotency-key"] == "co_1:payment"
    assert asked[0].headers["authorization"] == f"Bearer {API_KEY}"
    assert json.loads(asked[0].content)["amount"] == 1990


@pytest.mark.parametrize("status", [301, 401, 403, 408, 425, 429, 500, 503, 507])
async def test_what_may_go_well_later_is_unavailable(status: int) -> None:
    calls = answering(httpx.Response(status, json=error("e", f"no, {API_KEY} is not good")))
    with pytest.raises(ProviderUnavailable, match=f"payment.*capture.*{status}") as raised:
        await calls.post("capture", "x", "k", {})
    assert "hunter2" not in str(raised.value)
    assert "PAYMENT_URL" in str(raised.value)


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
async def test_what_is_final_is_refused_by_its_code(status: int) -> None:
    calls = answering(httpx.Response(status, json=error("card_declined", f"of {API_KEY}" * 99)))
    with pytest.raises(ProviderRefused) as raised:
        await calls.post("capture", "x", "k", {})
    assert raised.value.code == "card_declined"
    assert "hunter2" not in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("status", [400, 503])
async def test_whom_an_answer_names_is_not_kept(status: int) -> None:
    message = "no route to +55 11 91234-5678, 5511912345678 of <ana.souza@example.com>, line 4417"
    calls = answering(httpx.Response(status, json=error("no_route", message)))
    with pytest.raises((ProviderRefused, ProviderUnavailable)) as raised:
        await calls.post("send", "x", "k", {})
    assert "no route to ***, *** of <***>, line 4417" in str(raised.value)


@pytest.mark.parametrize(
    "kept",
    [
        "[Errno 111] 192.168.100.200:5432 refused",
        "pay_22334455667722334455667722",
        "1.234.567.890",
        "452 4.2.2 for this recipient",
        "300 s, 2048 bytes",
    ],
)
def test_what_names_nobody_stays(kept: str) -> None:
    assert without_people(kept) == kept


async def test_a_page_of_somebody_else_is_no_payment_that_is_not_there() -> None:
    with pytest.raises(ProviderUnavailable, match="404"):
        await HttpPayments(answering(httpx.Response(404, text="<html>"))).get("ch_1")
    missing = httpx.Response(404, json=error("not_found", "none"))
    assert await HttpPayments(answering(missing)).get("ch_1") is None


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 422])
@pytest.mark.parametrize(
    "whose", [{"text": "<html>no such upstream"}, {"json": {"error": "no route"}}, {"json": []}]
)
async def test_a_no_that_the_provider_did_not_say_is_none(
    status: int, whose: dict[str, Any]
) -> None:
    calls = answering(httpx.Response(status, **whose))
    with pytest.raises(ProviderUnavailable, match=f"{status}.*PAYMENT_URL"):
        await HttpPayments(calls).authorise("k", "pay_1", Decimal("1.00"), "EUR", "tok_ok")


async def test_the_same_call_that_is_under_way_is_waited_for() -> None:
    calls = answering(httpx.Response(409, json=error("in_progress", "wait")))
    with pytest.raises(ProviderBusy, match="under way"):
        await calls.post("capture", "x", "k", {})


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        ("0", 1.0),
        ("999999", 3_600.0),
        ("Fri, 02 Jan 2026 00:00:30 GMT", 30.0),
    ],
)
async def test_too_many_requests_are_deferred_for_as_long_as_it_says(
    told: str, seconds: float
) -> None:
    headers = {"retry-after": told, "date": "Fri, 02 Jan 2026 00:00:00 GMT"}
    with pytest.raises(ProviderLimited) as raised:
        await answering(httpx.Response(429, headers=headers)).get("lookup", "x")
    assert raised.value.retry_after_seconds == seconds


@pytest.mark.parametrize("told", ["", "soon", "-1", "Fri, 99 Jan", "9" * 400])
async def test_a_retry_after_that_says_nothing_is_backed_off_from(told: str) -> None:
    with pytest.raises(ProviderUnavailable):
        await answering(httpx.Response(429, headers={"retry-after": told})).get("lookup", "x")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"3"])
async def test_an_answer_that_says_nothing_may_have_done_it(body: bytes) -> None:
    with pytest.raises(ProviderUnavailable, match="no JSON object"):
        await answering(httpx.Response(200, content=body)).post("capture", "x", "k", {})


async def test_a_long_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_calls, "LONGEST_ANSWER_BYTES", 100)
    with pytest.raises(ProviderUnavailable, match="longer than 100"):
        await answering(httpx.Response(200, content=b"x" * 101)).get("lookup", "x")


@pytest.mark.parametrize(
    "changed",
    [{"status": "frozen"}, {"amount": "many"}, {"created": None}, {"created": "today"}],
)
async def test_a_payment_that_can_not_be_read_is_no_answer(changed: dict[str, Any]) -> None:
    payments = HttpPayments(answering(httpx.Response(200, json=PAYMENT | changed)))
    with pytest.raises(ProviderUnavailable, match="no payment that this release knows"):
        await payments.get("ch_1")


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("19.90", "EUR", 1990), ("0.00", "EUR", 0), ("1990.00", "JPY", 1990), ("1.50", "KWD", 1500)],
)
def test_money_in_smallest_units_and_back(amount: str, currency: str, units: int) -> None:
    assert to_minor(Decimal(amount), currency) == units
    assert from_minor(units, currency) == Decimal(amount)


@pytest.mark.parametrize("amount", ["-1.00", "0.001", "NaN", "Infinity"])
def test_what_is_no_amount_is_not_rounded(amount: str) -> None:
    with pytest.raises(ValueError, match="EUR"):
        to_minor(Decimal(amount), "EUR")
