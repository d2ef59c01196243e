"""Checkouts are taken in once, priced, bounded; and say how they stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pedidos_checkout.domain.checkouts import Kind
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.domain.status import FORGOTTEN
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.steps.paying import payment_of
from pedidos_common.domain.jobs import Succeeded
from pedidos_common.domain.queues import DEFAULTS, INVENTORY, PAYMENT_PROCESSING, QueueTable
from pedidos_common.execution.executor import Observe
from pedidos_common.execution.follow_ups import Follow
from pedidos_common.testing.eventually import eventually
from pedidos_orchestrator.times import iso
from tests.unit.api.world import World

PATH = "/api/checkout"
CART: dict[str, Any] = {
    "customer": {"id": "c-1", "name": "Ana Souza", "email": "ana@example.com"},
    "items": [{"productId": "SKU-1", "quantity": 2}],
    "payment": {"method": "tok_ok"},
}
PAYMENT = {"amount": "12.30", "method": "tok_ok", "customer": CART["customer"]}


@pytest.fixture
async def shop(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a shop that has ten of each of two products."""
    stocked = [(Product("SKU-1", "cup", Decimal("12.30")), 10)]
    free = [(Product("SKU-0", "leaflet", Decimal("0.00")), 10)]
    await world.shop.catalogue.add([*stocked, *free], [Discount("TEN", percent=Decimal(10))])
    async with world.client_of(world.app(payment_url="http://provider")) as client:
        yield client


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def accepted_id(client: httpx.AsyncClient, **options: Any) -> str:
    answer = await client.post(PATH, json=CART, **options)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["jobId"])


async def test_the_answer_says_where_to_look(shop: httpx.AsyncClient) -> None:
    answer = await shop.post(PATH, json=CART)
    body = answer.json()
    url = body["data"]["trackingUrl"]
    assert (answer.status_code, body["success"], body["data"]["status"]) == (202, True, "queued")
    assert body["data"]["estimatedProcessingTime"] > 0
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["location"] == url == f"http://pedidos{httpx.URL(url).path}"
    assert (await shop.get(url)).json()["jobId"] == body["data"]["jobId"]


async def test_what_was_sent_is_kept(world: World, shop: httpx.AsyncClient) -> None:
    cart = CART | {"discountCode": "TEN", "customer": CART["customer"] | {"tier": "diamond"}}
    headers = {"x-session-id": "s-1", "user-agent": "shop/1"}
    assert (await shop.post(PATH, json=cart, headers=headers)).status_code == 422  # no such tier
    cart["customer"]["tier"] = "DIAMOND"
    answer = await shop.post(PATH, json=cart, headers=headers)
    kept = await world.shop.checkouts.get(answer.json()["data"]["jobId"])
    assert kept is not None
    assert (kept.session.id, kept.session.user_agent) == ("s-1", "shop/1")
    assert (kept.subtotal, kept.discount, kept.total) == (
        Decimal("24.60"),
        Decimal("2.46"),
        Decimal("22.14"),
    )
    assert kept.customer.tier == "DIAMANTE"


async def test_a_phone_is_kept_as_text_messages_are_sent_to_it(
    world: World, shop: httpx.AsyncClient
) -> None:
    answer = await shop.post(PATH, json=with_phone("+55 (11) 91234-5678"))
    kept = await world.shop.checkouts.get(answer.json()["data"]["jobId"])
    assert kept is not None
    assert kept.customer.phone == "+5511912345678"
    answer = await shop.post(PATH, json=with_phone("11912345678"))
    assert (answer.status_code, "+ and its country code" in answer.text) == (422, True)
    assert "11912345678" not in answer.text
    assert (await shop.post(PATH, json=with_phone(None))).status_code == 202


def with_phone(phone: str | None) -> dict[str, Any]:
    return CART | {"customer": CART["customer"] | {"phone": phone}}


async def test_a_discount_is_told_before_and_after_the_purchase(
    world: World, shop: httpx.AsyncClient
) -> None:
    answer = await shop.post(PATH, json=CART | {"discountCode": "TEN"})
    body = (await shop.get(answer.json()["data"]["trackingUrl"])).json()
    checkout = await world.shop.checkouts.get(body["jobId"])
    assert checkout is not None
    await world.shop.orders.create(
        order_of(checkout), await world.runs.now() + timedelta(minutes=1)
    )
    (order,) = (await shop.get("/api/customers/c-1/orders")).json()["items"]
    sums = {"subtotal": "24.60", "discount": "2.46", "discountCode": "TEN", "total": "22.14"}
    for told in (body, order):
        assert {name: told[name] for name in sums} == sums


async def test_its_first_job_is_rung_right_behind_the_answer(
    world: World, shop: httpx.AsyncClient
) -> None:
    first = job_id(await accepted_id(shop), Step.PAYMENT)
    await eventually(lambda: first in [bell.job_id for bell in world.transport.heard])
    assert not await world.shop.checkouts.not_begun(0.0, 10)


async def test_the_same_key_is_the_same_checkout(world: World, shop: httpx.AsyncClient) -> None:
    posts = [shop.post(PATH, json=CART, headers=keyed("k")) for _ in range(100)]
    answers = await asyncio.gather(*posts)
    assert {answer.text for answer in answers} == {answers[0].text}
    assert {answer.status_code for answer in answers} == {202}
    assert len({await accepted_id(shop), await accepted_id(shop)}) == 2  # without a key


async def test_what_a_payment_is_for_is_kept_and_shown(
    world: World, shop: httpx.AsyncClient
) -> None:
    sent = PAYMENT | {"reference": "invoice 2026-0815"}
    job_id_ = (await shop.post("/api/payments", json=sent)).json()["data"]["jobId"]
    kept = await world.shop.checkouts.get(job_id_)
    assert kept is not None
    assert kept.reference == "invoice 2026-0815"
    status = (await shop.get(f"/api/orders/status/{job_id_}")).json()
    assert status["reference"] == "invoice 2026-0815"
    other = (await shop.get(f"/api/orders/status/{await accepted_id(shop)}")).json()
    assert "reference" not in other


async def test_in_yen_nothing_is_taken_in_that_can_t_be_paid(world: World) -> None:
    await world.shop.catalogue.add([(Product("SKU-1", "cup", Decimal("12.30")), 10)], [])
    async with world.client_of(world.app(payment_url="http://p", currency="JPY")) as yen:
        parts = await yen.post("/api/payments", json=PAYMENT)
        whole = await yen.post("/api/payments", json=PAYMENT | {"amount": "12.00"})
        unfit = await yen.post(PATH, json=CART)
        assert (await yen.post("/api/products/sample")).status_code == 200
        page = (await yen.get("/api/products?limit=1")).json()["items"]
    assert (parts.status_code, whole.status_code, unfit.status_code) == (422, 202, 422)
    assert "amount must be whole: JPY has no decimals" in parts.json()["detail"]
    assert "12.30 JPY can't be paid" in unfit.json()["detail"]
    assert page[0]["price"].endswith(".00")


async def test_another_body_under_a_key_is_refused(shop: httpx.AsyncClient) -> None:
    await accepted_id(shop, headers=keyed("k"))
    other = CART | {"items": [{"productId": "SKU-1", "quantity": 3}]}
    answer = await shop.post(PATH, json=other, headers=keyed("k"))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-mismatch")
    # a payment alone has keys of its own
    assert (await shop.post("/api/payments", json=PAYMENT, headers=keyed("k"))).status_code == 202


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"items": []}, "items"),
        ({"items": [{"productId": "SKU-9", "quantity": 1}]}, "SKU-9"),
        ({"items": [{"productId": "SKU-1", "quantity": 0}]}, "quantity"),
        ({"discountCode": "NONE"}, "NONE"),
        ({"payment": None}, "payment.method"),
        ({"payment": {"method": "4111111111111111"}}, "method"),
        ({"customer": CART["customer"] | {"email": "a@b\nBcc: c@d"}}, "email"),
        ({"customer": CART["customer"] | {"name": "A\nB"}}, "name"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_what_can_not_be_ordered_is_refused(
    world: World, shop: httpx.AsyncClient, change: dict[str, Any], word: str
) -> None:
    answer = await shop.post(PATH, json=CART | change, headers=keyed("k"))
    assert (answer.status_code, word in answer.json()["detail"]) == (422, True), answer.text
    assert await world.shop.checkouts.by_key(Kind.CHECKOUT, "k") is None


@pytest.mark.parametrize(
    "change",
    [
        {"customer": CART["customer"] | {"name": "   "}},
        {"customer": CART["customer"] | {"name": "\u00a0\u3000"}},
        {"customer": CART["customer"] | {"email": "..@a.example"}},
        {"customer": CART["customer"] | {"email": "ana.@a.example"}},
        {"customer": CART["customer"] | {"email": "ana@shop"}},
        {"customer": CART["customer"] | {"email": f"{'a.' * 32}a@a.example"}},
        {"items": [{"productId": "SKU-1", "quantity": 2.5}]},
        {"items": [{"productId": "SKU-1", "quantity": "2"}]},
        {"items": [{"productId": "SKU-1", "quantity": True}]},
    ],
)
async def test_what_says_nothing_is_refused_and_counted(
    world: World, shop: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    answer = await shop.post(PATH, json=CART | change)
    assert answer.status_code == 422, answer.text
    metrics = (await shop.get("/metrics")).text
    assert 'pedidos_checkouts_refused_total{reason="invalid"} 1.0' in metrics


async def test_a_whole_number_may_be_written_with_its_decimals(
    world: World, shop: httpx.AsyncClient
) -> None:
    items = [{"productId": "SKU-1", "quantity": 2.0}]
    answer = await shop.post(PATH, json=CART | {"items": items}, headers=keyed("k"))
    again = await shop.post(PATH, json=CART, headers=keyed("k"))
    assert (answer.status_code, again.text) == (202, answer.text)


async def test_what_is_free_needs_no_payment(world: World, shop: httpx.AsyncClient) -> None:
    free = {"customer": CART["customer"], "items": [{"productId": "SKU-0", "quantity": 1}]}
    answer = await shop.post(PATH, json=free)
    first = job_id(answer.json()["data"]["jobId"], Step.STOCK)
    await eventually(lambda: first in [bell.job_id for bell in world.transport.heard])


async def test_without_a_provider_there_is_no_checkout(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=CART)
    assert (answer.status_code, answer.json()["setting"]) == (503, "PAYMENT_URL")


async def test_past_the_limit_only_what_is_known_is_answered(
    world: World, shop: httpx.AsyncClient
) -> None:
    known = await shop.post(PATH, json=CART, headers=keyed("k"))
    async with world.client_of(small_shop(world, sync_above=None, refuse_above=-1)) as full:
        answer = await full.post(PATH, json=CART)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/overloaded")
        assert int(answer.headers["retry-after"]) > 0
        again = await full.post(PATH, json=CART, headers=keyed("k"))
        assert (again.status_code, again.text) == (202, known.text)


@pytest.mark.parametrize("refuse_above", [10, None])
async def test_a_draining_queue_takes_nothing_in(world: World, refuse_above: int | None) -> None:
    await world.queue_state.write_queue(INVENTORY, "draining")
    limits = small_shop(world, sync_above=None, refuse_above=refuse_above)
    async with world.client_of(limits) as shop:
        answer = await shop.post(PATH, json=CART)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/queue-draining")
        # a payment alone never comes to that queue
        assert (await shop.post("/api/payments", json=PAYMENT)).status_code == 202


@pytest.mark.parametrize(
    ("close", "open_again"),
    [
        (f"/api/queues/{INVENTORY}/drain", f"/api/queues/{INVENTORY}/resume"),
        ("/pedidos/queue/close", "/pedidos/queue/resume"),
    ],
)
async def test_what_is_told_to_a_queue_holds_for_the_next_checkout(
    shop: httpx.AsyncClient, close: str, open_again: str
) -> None:
    await accepted_id(shop)
    await shop.post(close)
    assert (await shop.post(PATH, json=CART)).status_code == 503
    await shop.post(open_again)
    await accepted_id(shop)


async def test_past_the_first_limit_without_room_it_is_queued(
    world: World, shop: httpx.AsyncClient
) -> None:
    async with world.client_of(small_shop(world, sync_above=-1, refuse_above=10)) as full:
        await accepted_id(full)


class RefusingHere:
    """Does jobs in this process, a second each: every one is refused."""

    stopping = False

    def __init__(self, world: World, observe: Observe) -> None:
        self._world, self._observe = world, observe

    async def deliver(self, job_id: str) -> None:
        job = await self._world.claimed(job_id)
        self._world.clock.advance(1)
        outcome = Succeeded({"refused": "card_declined", "error": "no"})
        await self._world.ledger.settle(job, outcome)
        await self._observe(job, outcome, 1.0)


async def test_what_is_done_at_once_says_when_it_came_and_how_long_it_took(world: World) -> None:
    def executor_of(observe: Observe, _follow: Follow) -> Any:
        return RefusingHere(world, observe)

    cups = [(Product("SKU-1", "cup", Decimal("12.30")), 10)]
    await world.shop.catalogue.add(cups, [])
    world.deps = replace(world.deps, checkout=replace(world.shop, executor_of=executor_of))
    came = iso(world.clock())
    async with world.client_of(small_shop(world, sync_above=-1, refuse_above=10)) as full:
        answer = await full.post(PATH, json=CART, headers=keyed("k"))
        data = answer.json()["data"]
        assert (answer.status_code, data["status"]) == (200, "failed")
        assert (data["createdAt"], data["processingTime"]) == (came, 1_000)
        assert (await full.post(PATH, json=CART, headers=keyed("k"))).text == answer.text


def small_shop(world: World, **limits: Any) -> Any:
    """An application whose first queue has other limits."""
    policy = replace(DEFAULTS[PAYMENT_PROCESSING], **limits)
    table = QueueTable({**DEFAULTS, PAYMENT_PROCESSING: policy})
    world.deps = replace(world.deps, table=table)
    return world.app(payment_url="http://provider")


async def test_the_status_follows_the_jobs(world: World, shop: httpx.AsyncClient) -> None:
    checkout_id = await accepted_id(shop)
    url = f"/api/orders/status/{checkout_id}"
    assert (await shop.get(url)).json()["status"] == "queued"
    first = job_id(checkout_id, Step.PAYMENT)
    await eventually(lambda: first in [bell.job_id for bell in world.transport.heard])
    job = await world.claimed(first)
    assert (await shop.get(url)).json()["status"] == "processing"
    refusal = Succeeded({"refused": "card_declined", "error": "the card was declined"})
    await world.ledger.settle(job, refusal)
    answer = await shop.get(url)
    body = answer.json()
    assert (body["status"], body["error"]) == ("failed", "the card was declined")
    assert answer.headers["cache-control"] == "no-store"
    assert "ana" not in answer.text.lower()


async def test_a_status_names_its_payment(world: World, shop: httpx.AsyncClient) -> None:
    url = f"/api/orders/status/{await accepted_id(shop)}"
    body = (await shop.get(url)).json()
    checkout = await world.shop.checkouts.get(body["jobId"])
    assert checkout is not None
    await world.shop.payments.begin(payment_of(checkout))
    found = await shop.get(f"/api/payments/{body['paymentId']}")
    assert (found.status_code, found.json()["jobId"]) == (200, body["jobId"])
    free = {"customer": CART["customer"], "items": [{"productId": "SKU-0", "quantity": 1}]}
    answer = await shop.post(PATH, json=free)
    assert "paymentId" not in (await shop.get(answer.json()["data"]["trackingUrl"])).json()


async def test_what_became_of_it_outlives_its_jobs(world: World, shop: httpx.AsyncClient) -> None:
    checkout_id = await accepted_id(shop)
    await eventually(lambda: world.transport.heard)
    checkout = await world.shop.checkouts.get(checkout_id)
    assert checkout is not None
    assert checkout.is_begun
    await world.ledger.remove(checkout_id)
    url = f"/api/orders/status/{checkout_id}"
    body = (await shop.get(url)).json()
    assert (body["status"], body["error"], body["steps"]) == ("failed", FORGOTTEN, [])
    order, fence = order_of(checkout), await world.runs.now() + timedelta(minutes=1)
    await world.shop.orders.create(order, fence)
    await world.shop.orders.confirm(checkout_id, fence)
    body = (await shop.get(url)).json()
    assert (body["status"], body["order"]["orderNumber"]) == ("completed", order.number)
    (listed,) = (await shop.get("/api/customers/c-1/orders")).json()["items"]
    assert listed == body["order"] | {"jobId": checkout_id}
    assert (await shop.get("/api/queues")).json()["checkout"] is True


async def test_a_stream_ends_with_the_checkout(world: World, shop: httpx.AsyncClient) -> None:
    checkout_id = await accepted_id(shop)
    first = job_id(checkout_id, Step.PAYMENT)
    await eventually(lambda: first in [bell.job_id for bell in world.transport.heard])
    await world.ledger.settle(
        await world.claimed(first), Succeeded({"refused": "card_declined", "error": "no"})
    )
    answer = await shop.get(f"/api/orders/status/{checkout_id}/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert '"status":"failed"' in answer.text


@pytest.mark.parametrize("path", ["/api/orders/status/co_x", "/api/orders/status/co_x/stream"])
async def test_an_unknown_checkout_is_not_found(shop: httpx.AsyncClient, path: str) -> None:
    assert (await shop.get(path)).status_code == 404


async def test_only_who_has_the_id_needs_no_key(world: World) -> None:
    app = world.app(api_key="correct horse battery", payment_url="http://provider")
    async with world.client_of(app) as client:
        assert (await client.post(PATH, json=CART)).status_code == 401
        assert (await client.get("/api/customers/c-1/orders")).status_code == 401
        assert (await client.get("/api/orders/status/co_x")).status_code == 404
        assert (await client.post("/api/webhooks/payments", json={})).status_code == 503


async def test_products_are_listed_with_their_stock(shop: httpx.AsyncClient) -> None:
    page = (await shop.get("/api/products", params={"limit": 1})).json()
    assert page["items"][0] | {} == {
        "productId": "SKU-0",
        "name": "leaflet",
        "price": "0.00",
        "category": "",
        "available": 10,
    }
    rest = (await shop.get("/api/products", params={"cursor": page["cursor"]})).json()
    assert [item["productId"] for item in rest["items"]] == ["SKU-1"]


async def test_nobodys_orders_are_none(shop: httpx.AsyncClient) -> None:
    answer = await shop.get("/api/customers/c-9/orders")
    assert (answer.status_code, answer.json()) == (200, {"items": [], "cursor": None})
