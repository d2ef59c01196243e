"""Every store of removals keeps the same promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from pedidos_checkout.adapters.mongo.removals import MongoRemovals
from pedidos_checkout.domain.removal import Removal, Removed
from pedidos_checkout.ports import Removals
from pedidos_checkout.testing.in_memory_stores import InMemoryRemovals
from tests.contract.carts import LONG_AGO, an_id, checkout_lab
from tests.contract.lab import KINDS, Lab

ONE = Removal((an_id(1), an_id(2)), {"TEA.1": 2, "$cup": 1})
TWO = Removal((an_id(3),), {})
LATER = LONG_AGO + timedelta(days=1)


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with checkout_lab(request.param, request) as found:
        yield found


@pytest.fixture
def removals(lab: Lab) -> Removals:
    return InMemoryRemovals() if lab.database is None else MongoRemovals(lab.database)


async def test_one_is_under_way_until_it_ends(removals: Removals) -> None:
    assert await removals.standing() == Removed()
    assert await removals.begin(1, ONE, LONG_AGO)
    assert await removals.standing() == Removed(1, LONG_AGO, ONE)
    assert not await removals.begin(1, TWO, LATER)
    assert not await removals.begin(2, TWO, LATER)
    for _ in range(2):
        await removals.end(1)
    assert await removals.standing() == Removed(1, LONG_AGO)


async def test_each_has_the_next_number(removals: Removals) -> None:
    assert not await removals.begin(2, ONE, LONG_AGO)
    await removals.begin(1, ONE, LATER)
    await removals.end(1)
    assert not await removals.begin(1, TWO, LONG_AGO)
    assert not await removals.begin(3, TWO, LONG_AGO)
    # what was removed stays so, where the setting is longer by then
    assert await removals.begin(2, TWO, LONG_AGO)
    await removals.end(1)
    assert await removals.standing() == Removed(2, LATER, TWO)
