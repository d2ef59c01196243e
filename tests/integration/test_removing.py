"""Retention of checkouts on a real MongoDB: wherever it is cut, the audit finds nothing wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pedidos_checkout.adapters.mongo.catalogue import MongoCatalogue
from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.indexes import ensure_checkout_indexes
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.removals import MongoRemovals
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import new_job, stages_of
from pedidos_checkout.domain.payments import PaymentStatus
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.domain.steps import Step
from pedidos_checkout.steps.paying import payment_of
from pedidos_checkout.steps.removing import RemovingOld
from pedidos_cli.audit.checkouts import audit_checkouts
from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.runs import MongoRunStore
from tests.contract.carts import FOREVER, INK, LONG_AGO, PEN, a_checkout
from tests.unit.checkout.mortal import WRITES, Dies, Mortal

DONE = {"status": "succeeded", "settledAt": LONG_AGO}
REFUSED = {**DONE, "result": {"refused": "card_declined", "error": "no"}}
TIMES = ("createdAt", "updatedAt", "confirmedAt", "cancelledAt")


@dataclass
class Shop:
    """Checkouts that ended long ago, as MongoDB has them."""

    uri: str
    name: str
    database: Database

    def __post_init__(self) -> None:
        self.checkouts, self.book = (
            MongoCheckoutStore(self.database),
            MongoPaymentBook(self.database),
        )
        self.stock, self.orders = MongoStock(self.database), MongoPlacedOrders(self.database)
        self.ledger = MongoJobLedger(self.database, 10.0)

    def leader(self, doomed: str = "", days: int = 30) -> RemovingOld:
        """A leader that dies behind its `doomed` write."""
        named = {
            "checkouts": self.checkouts,
            "book": self.book,
            "orders": self.orders,
            "stock": self.stock,
            "ledger": self.ledger,
            "removals": MongoRemovals(self.database),
        }
        ports: dict[str, Any] = {
            name: Mortal(port, name, doomed, behind=True) for name, port in named.items()
        }
        return RemovingOld(**ports, now=MongoRunStore(self.database).now, days=days)

    async def place(self, number: int) -> None:
        """An order that was paid and sent, a card that was declined, and an order given up."""
        well, declined, given_up = (a_checkout(3 * number + n) for n in range(3))
        for one in (well, declined, given_up):
            await self.checkouts.accept(one)
        await self.checkouts.begun([well.id, declined.id, given_up.id])
        steps = [step for stage in stages_of(well) for step in stage]
        await self._jobs(well, steps, DONE)
        await self.stock.reserve(well.id, well.lines, 900.0, FOREVER)
        await self.stock.commit(well.id, well.lines, FOREVER)
        await self.book.begin(replace(payment_of(well), status=PaymentStatus.CAPTURED))
        await self.orders.create(order_of(well), FOREVER)
        await self.orders.confirm(well.id, FOREVER)
        await self._jobs(declined, [Step.PAYMENT, Step.RECOVERY], REFUSED)
        await self.book.begin(replace(payment_of(declined), status=PaymentStatus.DECLINED))
        back = [Step.PAYMENT, Step.STOCK, Step.UNDO_ORDER, Step.UNDO_STOCK, Step.UNDO_PAYMENT]
        await self._jobs(given_up, [*back, Step.RECOVERY], DONE)
        await self._jobs(given_up, [Step.ORDER], {**DONE, "status": "failed"})
        await self.book.begin(replace(payment_of(given_up), status=PaymentStatus.VOIDED))
        await self.orders.cancel(given_up.id)

    async def _jobs(self, checkout: Checkout, steps: list[Step], ended: dict[str, Any]) -> None:
        jobs = [new_job(checkout, step) for step in steps]
        await self.ledger.create(jobs)
        ids = {"_id": {"$in": [job.id for job in jobs]}}
        await self.database["jobs"].update_many(ids, {"$set": ended})

    async def age(self) -> None:
        """All of it was long ago."""
        for name in ("checkouts", "payments", "placed_orders"):
            for field in TIMES:
                there = {field: {"$exists": True}}
                await self.database[name].update_many(there, {"$set": {field: LONG_AGO}})

    async def wrong(self) -> list[str]:
        """What the audit finds."""
        verdict = await asyncio.to_thread(audit_checkouts, self.uri, self.name)
        return [f"{one.key}: {one.found}" for one in verdict.checks if one.passed is False]

    async def left(self) -> int:
        """How many documents there are of checkouts."""
        names = ("checkouts", "payments", "placed_orders", "jobs")
        return sum([await self.database[name].count_documents({}) for name in names])


@pytest.fixture
async def shop(mongo_uri: str, mongo_database: str) -> AsyncIterator[Shop]:
    async with connect(mongo_uri, "removing") as client:
        database = durable(client, mongo_database)
        await ensure_indexes(database)
        await ensure_checkout_indexes(database)
        await MongoCatalogue(database).add([(PEN, 1_000), (INK, 1_000)], [])
        yield Shop(mongo_uri, mongo_database, database)


async def test_the_audit_finds_nothing_wrong_wherever_a_removal_is_cut(shop: Shop) -> None:
    for number, write in enumerate(WRITES):
        await shop.place(number)
        await shop.age()
        assert await shop.wrong() == [], "before"
        with pytest.raises(Dies):
            await shop.leader(write).sweep()
        assert await shop.wrong() == [], f"behind {write}"
        await shop.leader(days=0).sweep()
        assert await shop.wrong() == [], f"finished behind {write}"
        assert await shop.left() == 0
    await shop.place(99)
    assert await shop.wrong() == []
    level = (await shop.stock.levels([PEN.sku]))[PEN.sku]
    assert (level.sold, level.sold_removed) == (2 * len(WRITES) + 2, 2 * len(WRITES))


async def test_what_the_retention_of_jobs_left_is_audited_and_removed(shop: Shop) -> None:
    await shop.place(1)
    await shop.age()
    await shop.ledger.remove(settled_before=FOREVER)
    assert await shop.wrong() == []
    await shop.leader().sweep()
    assert await shop.left() == 0
    assert await shop.wrong() == []


async def test_a_key_that_is_freed_while_it_is_asked_for_is_a_new_checkouts(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = a_checkout(1, key="k"), a_checkout(2, key="k")
    await shop.checkouts.accept(first)
    found = shop.checkouts._there

    async def removed_meanwhile(checkout: Checkout) -> Any:
        await shop.checkouts.remove([first.id])
        return await found(checkout)

    monkeypatch.setattr(shop.checkouts, "_there", removed_meanwhile)
    assert (await shop.checkouts.accept(again)).is_new
    assert await shop.checkouts.get(again.id) is not None


async def test_what_is_young_stays(shop: Shop) -> None:
    await shop.place(1)
    there = await shop.left()
    await shop.leader().sweep()
    assert await shop.left() == there
