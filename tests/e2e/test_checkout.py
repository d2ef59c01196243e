"""Checkout on a real stack with the sandbox of providers: from the cart to the charge."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest
from bson import Decimal128
from playwright.sync_api import expect

from tests.browser import chromium, opened
from tests.e2e.stack import Stack, running_stack, until

OVER = frozenset({"completed", "failed"})
QUEUES = """\
[queues.payment-processing]
concurrency = 10
[queues.inventory]
concurrency = 10
[queues.order-processing]
concurrency = 10
"""
_numbers = count(1)


@pytest.fixture(scope="module")
def shop_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with sandbox and sample shop, for this module."""
    folder = tmp_path_factory.mktemp("checkout")
    queues = folder / "queues.toml"
    queues.write_text(QUEUES, encoding="utf-8")
    environ = {
        "QUEUES_FILE": str(queues),
        "BREAKER_PAUSE_SECONDS": "1",
        "LEASE_SECONDS": "3",
        "CHECKOUT_PAYMENT_WAIT_SECONDS": "3",
        "SANDBOX_ACTION_SECONDS": "0.5",
    }
    with running_stack(folder, environ, workers=1, options=["--sandbox"]) as started:
        started.await_ready()
        started.post("/api/products/sample")
        yield started


@pytest.fixture
def shop(shop_stack: Stack) -> Iterator[Stack]:
    """The shop, whose providers do as they should."""
    yield shop_stack
    with sandbox(shop_stack) as client:
        client.delete("/control/faults")


def sandbox(stack: Stack) -> httpx.Client:
    told = json.loads((stack.folder / "sandbox.json").read_text("utf-8"))
    return httpx.Client(base_url=told["url"], trust_env=False, timeout=30.0)


def charges(stack: Stack, checkout_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What the payment provider has of these, by its own book."""
    references = {f"pay_{one.removeprefix('co_')}" for one in checkout_ids}
    found: list[dict[str, Any]] = []
    with sandbox(stack) as client:
        after: str | None = None
        while True:
            params = {"limit": "1000"} | ({"after": after} if after else {})
            page = client.get("/control/ledger/payments", params=params).json()
            found += [one for one in page["data"] if one.get("reference") in references]
            after = page.get("next")
            if after is None:
                return found


def fault(stack: Stack, **wanted: Any) -> None:
    with sandbox(stack) as client:
        assert client.post("/control/faults", json=wanted).is_success


def cart(**changes: Any) -> dict[str, Any]:
    customer = {"id": "c-1", "name": "Ana Souza", "email": "ana@example.com"}
    items = [{"productId": "STA-001", "quantity": 1}]
    return {"customer": customer, "items": items, "payment": {"method": "tok_ok"}} | changes


def place(stack: Stack, key: str | None = None, **changes: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return stack.http.post("/api/checkout", json=cart(**changes), headers=headers)


def placed(stack: Stack, **changes: Any) -> str:
    answer = place(stack, **changes)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["jobId"])


def ended(stack: Stack, checkout_id: str, seconds: float = 30.0) -> dict[str, Any]:
    def status() -> dict[str, Any] | None:
        found = stack.get(f"/api/orders/status/{checkout_id}")
        return found if found["status"] in OVER and found.get("money") != "pending" else None

    return until(status, seconds)


def test_an_order_is_placed_paid_and_confirmed(shop: Stack) -> None:
    checkout_id = placed(shop)
    found = ended(shop, checkout_id)
    assert (found["status"], found["progress"], found["order"]["status"]) == (
        "completed",
        100,
        "confirmed",
    )
    stream = shop.http.get(f"/api/orders/status/{checkout_id}/stream").text
    assert '"status":"completed"' in stream
    orders = shop.get("/api/customers/c-1/orders")["items"]
    assert found["order"]["orderId"] in {one["orderId"] for one in orders}
    assert [one["status"] for one in charges(shop, [checkout_id])] == ["captured"]


@pytest.mark.slow
def test_a_checkout_is_followed_on_the_live_page(shop: Stack) -> None:
    """From the cart to the last message, and one that fails, beside what the provider has."""
    phone = {"customer": cart()["customer"] | {"id": "c-page", "phone": "+55 11 91234-5678"}}
    fault(shop, operation="authorise", mode="slow", seconds=2.0, times=1)
    with chromium() as browser, opened(browser, str(shop.http.base_url)) as page:
        field = page.get_by_label("Checkout (id or tracking URL)")
        state, pills = page.locator("#checkout-state"), page.locator("#steps .pill")
        answer = place(shop, **phone).json()["data"]
        field.fill(answer["trackingUrl"])
        field.press("Enter")
        expect(state).to_have_text("processing")
        expect(pills.first).to_have_text("running")
        expect(state).to_have_text("completed")
        expect(pills).to_have_text(["done"] * 7)  # payment to confirmation, and the SMS
        number = ended(shop, answer["jobId"])["order"]["orderNumber"]
        expect(page.locator("#checkout-facts")).to_contain_text(number)
        assert [one["status"] for one in charges(shop, [answer["jobId"]])] == ["captured"]
        page.get_by_label("Customer (id)").fill("c-page")
        page.get_by_role("button", name="Show orders").click()
        expect(page.get_by_role("button", name=f"Follow order {number}")).to_be_visible()
        page.goto(f"/#checkout={placed(shop, payment={'method': 'tok_capture_declined'})}")
        expect(state).to_have_text("failed")
        expect(page.locator("#checkout-items")).to_have_text("The money was given back.")


def test_what_went_through_adds_up_and_is_compared_on_request(shop: Stack) -> None:
    ended(shop, placed(shop))
    asked = shop.post("/api/reconciliations")["id"]

    def report() -> dict[str, Any] | None:
        found = shop.get("/api/reconciliations")["items"]
        return next((one for one in found if one["id"] == asked and one["complete"]), None)

    found = until(report, 30.0)
    assert (found["seen"]["products"], found["differences"]) == (120, [])


def test_a_declined_card_is_told(shop: Stack) -> None:
    found = ended(shop, placed(shop, payment={"method": "tok_declined"}))
    assert (found["status"], found["code"], found["money"]) == (
        "failed",
        "card_declined",
        "not_taken",
    )


OUTCOMES = {
    "ok": ("completed", None, "captured"),
    "action": ("completed", None, "captured"),
    "free": ("completed", None, None),
    "declined": ("failed", "card_declined", "declined"),
    "capture_declined": ("failed", "card_declined", "voided"),
    "leaves": ("failed", "customer_left", "voided"),
    "sold_out": ("failed", "out_of_stock", "voided"),
}
SOLD_OUT = "STA-004"
FREE = {"discountCode": "ALL-OF-IT", "payment": None}


def placed_of_kind(stack: Stack, kind: str) -> str:
    if kind == "free":
        return placed(stack, **FREE)
    if kind == "sold_out":
        return placed(stack, items=[{"productId": SOLD_OUT, "quantity": 1}])
    return placed(stack, payment={"method": f"tok_{kind}"})


def some_of_each_kind(stack: Stack, times: int) -> dict[str, str]:
    """Ids of checkouts, and of which kind each is."""
    free = {"_id": FREE["discountCode"], "percent": Decimal128("100"), "least": Decimal128("0")}
    stack.database["discounts"].replace_one({"_id": free["_id"]}, free, upsert=True)
    stack.database["stock"].update_one(
        {"_id": SOLD_OUT}, {"$set": {"available": 0, "stocked": 0, "sold": 0, "holds": {}}}
    )
    return {placed_of_kind(stack, kind): kind for _ in range(times) for kind in OUTCOMES}


def await_the_last_job(stack: Stack, ids: Sequence[str]) -> None:
    """Everything is done for them, messages too."""
    still = {"scope": {"$in": list(ids)}, "status": {"$in": ["queued", "running", "retrying"]}}
    until(lambda: not stack.database["jobs"].count_documents(still), 60.0)


def mails_about(stack: Stack, ids: Sequence[str]) -> list[str]:
    """`checkout.step` of each mail that came about these."""
    steps = [f"{one}.{step}" for one in ids for step in ("confirmation", "recovery")]
    names = {hashlib.sha256(step.encode()).hexdigest()[:40]: step for step in steps}
    with sandbox(stack) as client:
        params: dict[str, Any] = {"limit": 1000}
        found: list[str] = []
        while True:
            page = client.get("/control/ledger/mail", params=params).json()
            came = (mail["message_id"].strip("<>").partition("@")[0] for mail in page["data"])
            found += [names[one] for one in came if one in names]
            if page.get("next") is None:
                return found
            params["after"] = page["next"]


def assert_agreed(stack: Stack, ids: Mapping[str, str]) -> None:
    """Orders, charges, stock and messages say the same of each, and what its kind says."""
    await_the_last_job(stack, list(ids))
    charged = {f"co_{c['reference'][4:]}": c["status"] for c in charges(stack, list(ids))}
    assert len(charged) == len(charges(stack, list(ids)))  # nobody was charged twice
    orders = {o["checkoutId"]: o["status"] for o in stack.database["placed_orders"].find()}
    mails = set(mails_about(stack, list(ids)))
    for checkout_id, kind in ids.items():
        state, code, charge = OUTCOMES[kind]
        found = stack.get(f"/api/orders/status/{checkout_id}")
        assert (kind, found["status"], found.get("code")) == (kind, state, code)
        assert (kind, charged.get(checkout_id)) == (kind, charge)
        confirmed = orders.get(checkout_id) == "confirmed"
        assert (kind, confirmed) == (kind, state == "completed")
        mail = "confirmation" if confirmed else "recovery"
        assert {m for m in mails if m.startswith(checkout_id)} == {f"{checkout_id}.{mail}"}
    for shelf in stack.database["stock"].find():
        assert not shelf["holds"].keys() & ids.keys()
        assert shelf["available"] + shelf["sold"] <= shelf["stocked"]


def test_each_kind_of_checkout_ends_as_it_should(shop: Stack) -> None:
    ids = some_of_each_kind(shop, 3)
    for checkout_id in ids:
        ended(shop, checkout_id)
    assert_agreed(shop, ids)
    mails = mails_about(shop, list(ids))
    assert len(mails) == len(set(mails))


@pytest.mark.parametrize(("kills", "times"), [(1, 1), pytest.param(10, 10, marks=pytest.mark.slow)])
def test_workers_that_are_killed_on_the_way_leave_nothing_undone(
    shop: Stack, kills: int, times: int
) -> None:
    fault(shop, operation="authorise", mode="slow", seconds=0.3, share=0.5)
    fault(shop, operation="capture", mode="slow", seconds=0.3, share=0.5)
    ids = some_of_each_kind(shop, times)
    for _ in range(kills):
        shop.kill("worker")
        shop.await_ready()
    for checkout_id in ids:
        ended(shop, checkout_id, 90.0)
    assert_agreed(shop, ids)


def test_the_same_key_from_100_clients_is_one_charge(shop: Stack) -> None:
    key = f"same-{next(_numbers)}"
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _n: place(shop, key), range(100)))
    assert {answer.text for answer in answers} == {answers[0].text}
    checkout_id = answers[0].json()["data"]["jobId"]
    assert ended(shop, checkout_id)["status"] == "completed"
    assert len(charges(shop, [checkout_id])) == 1
    assert place(shop, key, discountCode="WELCOME10").status_code == 422


def test_one_item_and_100_buyers_is_one_order(shop: Stack) -> None:
    shop.database["stock"].update_one(
        {"_id": "STA-005"}, {"$set": {"available": 1, "stocked": 1, "sold": 0, "holds": {}}}
    )
    items = [{"productId": "STA-005", "quantity": 1}]
    with ThreadPoolExecutor(20) as pool:
        ids = list(pool.map(lambda _n: placed(shop, items=items), range(100)))
    found = [ended(shop, one, 90.0) for one in ids]
    completed = [one for one in found if one["status"] == "completed"]
    refused = [one for one in found if one["status"] == "failed"]
    assert (len(completed), {one["code"] for one in refused}) == (1, {"out_of_stock"})
    stock = shop.database["stock"].find_one({"_id": "STA-005"})
    assert stock is not None
    assert (stock["available"], stock["sold"]) == (0, 1)
    statuses = [one["status"] for one in charges(shop, ids)]
    assert (statuses.count("captured"), statuses.count("voided")) == (1, 99)


def test_while_the_breaker_is_open_checkouts_wait(shop: Stack) -> None:
    fault(shop, operation="authorise", mode="fail", status=503, times=5)
    ids = [placed(shop) for _ in range(6)]
    assert {ended(shop, one, 60.0)["status"] for one in ids} == {"completed"}


def test_without_redis_checkouts_are_taken_in_and_go_on_later(shop: Stack) -> None:
    redis = shop.processes("redis")[0]
    os.kill(redis["pid"], signal.SIGKILL)
    ids = [placed(shop) for _ in range(3)]
    assert {ended(shop, one, 60.0)["status"] for one in ids} == {"completed"}


def test_the_command_line_audits_and_reconciles(shop: Stack) -> None:
    ended(shop, placed(shop))
    told = json.loads(shop.command("checkout", "reconcile", "--json").stdout)
    assert told["finishedAt"]
    assert not [one for one in told["differences"] if one["kind"] == "captured_without_order"]
    address = json.loads((shop.folder / "sandbox.json").read_text("utf-8"))["url"]
    uri = ["--mongo-uri", shop.mongo_uri, "--database", shop.database.name]

    def passes() -> bool:
        done = shop.command("checkout", "audit", "--json", "--sandbox", address, *uri)
        wrong = {c["key"] for c in json.loads(done.stdout)["checks"] if c["passed"] is False}
        # other tests of this module set stock by hand
        return wrong <= {"stock_is_sold"}

    until(passes)
