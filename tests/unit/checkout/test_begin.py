"""Checkouts are begun whatever the broker does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from pedidos_common.ports import Bell
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from tests.unit.checkout.carts import a_checkout
from tests.unit.checkout.shop import Shop


class Hanging(InMemoryTransport):
    """A broker that takes connections and does not answer."""

    async def ring(self, bells: Sequence[Bell]) -> None:
        self.heard += bells
        await asyncio.Event().wait()


async def test_a_broker_that_hangs_holds_up_no_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pedidos_checkout.steps.begin.RING_SECONDS", 0.01, raising=False)
    shop = Shop()
    shop.transport = Hanging()
    async with asyncio.timeout(5.0):
        await shop.place(a_checkout("1"), a_checkout("2"))
    assert [job.deliveries for job in await shop.jobs()] == [0, 0]
    assert not await shop.checkouts.not_begun(0.0, 10)
