"""Every store of checkouts keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Session
from pedidos_checkout.ports import Accepted, CheckoutStore
from pedidos_checkout.testing.in_memory_stores import InMemoryCheckoutStore
from pedidos_common.domain.orders import ERASED
from tests.contract.carts import ANA, FOREVER, a_checkout, an_id, checkout_lab
from tests.contract.lab import KINDS, Lab


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with checkout_lab(request.param, request) as found:
        yield found


@pytest.fixture
def store(lab: Lab) -> CheckoutStore:
    if lab.database is not None:
        return MongoCheckoutStore(lab.database)
    assert lab.clock is not None
    return InMemoryCheckoutStore(lab.clock)


async def test_a_checkout_reads_as_it_was_accepted(lab: Lab, store: CheckoutStore) -> None:
    before = await lab.now()
    assert await store.accept(a_checkout(key="k")) == Accepted(a_checkout(key="k"), is_new=True)
    found = await store.get(an_id(1))
    assert found is not None
    assert found.created_at is not None
    assert before <= found.created_at <= await lab.now()
    assert found == replace(a_checkout(key="k"), created_at=found.created_at)
    assert await store.by_key(Kind.CHECKOUT, "k") == found
    assert await store.among([an_id(1), an_id(2)]) == {found.id: found}


async def test_an_unknown_one_is_none(store: CheckoutStore) -> None:
    assert await store.get(an_id(1)) is None
    assert await store.by_key(Kind.CHECKOUT, "k") is None
    assert await store.among([]) == {}


async def test_one_that_is_accepted_again_is_there_once(store: CheckoutStore) -> None:
    await store.accept(a_checkout())
    again = await store.accept(a_checkout())
    assert (again.is_new, again.checkout.id) == (False, an_id(1))


async def test_a_key_from_many_at_once_is_one_checkout(store: CheckoutStore) -> None:
    asked = [a_checkout(n, key="same") for n in range(100)]
    accepted = await asyncio.gather(*(store.accept(one) for one in asked))
    (first,) = [one.checkout.id for one in accepted if one.is_new]
    assert {one.checkout.id for one in accepted} == {first}
    assert [one.id for one in await store.not_begun(0, 200)] == [first]


async def test_keys_and_none_at_once_are_told_apart(store: CheckoutStore) -> None:
    await store.accept(a_checkout(1, key="a", fingerprint="first"))
    asked = [a_checkout(2, key="a"), a_checkout(3, key="b"), a_checkout(4), a_checkout(5)]
    accepted = await asyncio.gather(*(store.accept(one) for one in asked))
    assert [one.is_new for one in accepted] == [False, True, True, True]
    assert accepted[0].checkout.fingerprint == "first"
    assert {one.id for one in await store.not_begun(0, 9)} == {an_id(n) for n in (1, 3, 4, 5)}


async def test_a_key_is_of_one_kind(store: CheckoutStore) -> None:
    await store.accept(a_checkout(1, key="k"))
    other = await store.accept(a_checkout(2, key="k", kind=Kind.PAYMENT))
    assert other.is_new
    assert (await store.by_key(Kind.PAYMENT, "k")) != (await store.by_key(Kind.CHECKOUT, "k"))


async def test_one_that_cant_be_stored_keeps_nobody_else_out(store: CheckoutStore) -> None:
    if isinstance(store, InMemoryCheckoutStore):
        pytest.skip("memory takes everything")
    unfit = a_checkout(2, customer=replace(ANA, name="lone \ud800 surrogate"))
    asked = [a_checkout(1), unfit, a_checkout(3)]
    answers = await asyncio.gather(*(store.accept(one) for one in asked), return_exceptions=True)
    assert [isinstance(one, Accepted) for one in answers] == [True, False, True]
    assert set(await store.among([an_id(n) for n in (1, 2, 3)])) == {an_id(1), an_id(3)}


async def test_what_was_not_begun_is_found_until_it_is(lab: Lab, store: CheckoutStore) -> None:
    for number in (1, 2, 3):
        await store.accept(a_checkout(number))
        await lab.until(partial(_found, store, number))
    assert [one.id for one in await store.not_begun(0, 2)] == [an_id(1), an_id(2)]
    assert await store.not_begun(60, 9) == []
    await store.begun([an_id(1), an_id(3)])
    assert [one.id for one in await store.not_begun(0, 9)] == [an_id(2)]
    seen = (await store.among([an_id(n) for n in (1, 2, 3)])).values()
    assert {one.id: one.is_begun for one in seen} == {
        an_id(1): True,
        an_id(2): False,
        an_id(3): True,
    }
    await store.begun([])


async def _found(store: CheckoutStore, count: int) -> bool:
    return len(await store.not_begun(0.002, 9)) == count


async def test_the_first_reply_counts(store: CheckoutStore) -> None:
    await store.accept(a_checkout())
    await store.keep_reply(an_id(1), {"status": "completed", "$odd": 1})
    await store.keep_reply(an_id(1), {"status": "failed"})
    found = await store.get(an_id(1))
    assert found is not None
    assert found.reply == {"status": "completed", "$odd": 1}


async def test_a_customer_is_erased_from_theirs_alone(store: CheckoutStore) -> None:
    await store.accept(a_checkout(1))
    await store.accept(a_checkout(2))
    bia = Customer("c-2", "Bia", "bia@example.com")
    await store.accept(a_checkout(3, customer=bia))
    assert await store.erase_customer("Ana") == 2
    found = await store.among([an_id(1), an_id(3)])
    assert found[an_id(1)].customer == replace(ANA, name=ERASED, email=ERASED, phone=None)
    assert found[an_id(1)].session == Session()
    assert found[an_id(1)].reference is None
    assert found[an_id(3)].customer == bia
    assert await store.erase_customer("Ana") == 0


async def test_one_that_can_not_be_read_holds_up_no_other(lab: Lab, store: CheckoutStore) -> None:
    for number in (1, 2, 3):
        await store.accept(a_checkout(number))
    if lab.database is None:
        return
    change = {"$set": {"mode": "by a later release"}}
    await lab.database["checkouts"].update_one({"_id": an_id(1)}, change)
    change = {"$unset": {"payment": ""}}
    await lab.database["checkouts"].update_one({"_id": an_id(3)}, change)
    assert [one.id for one in await store.not_begun(0.0, 1)] == [an_id(2)]


async def test_old_ones_are_found_oldest_first_and_removed(lab: Lab, store: CheckoutStore) -> None:
    for number in (3, 1, 2, 4):
        await store.accept(a_checkout(number, key=f"k{number}"))
        await lab.until(partial(_is_past, lab, await lab.now()))
    await store.begun([an_id(n) for n in (1, 2, 3)])
    first = await store.accepted_before(FOREVER, 2)
    assert [one.id for one in first] == [an_id(3), an_id(1)]
    rest = await store.accepted_before(FOREVER, 2, first[-1])
    assert [one.id for one in rest] == [an_id(2)]
    assert rest[0].created_at is not None
    before = await store.accepted_before(rest[0].created_at, 9)
    assert [one.id for one in before] == [an_id(3), an_id(1)]
    for _ in range(2):
        await store.remove([an_id(3), an_id(9)])
    assert await store.get(an_id(3)) is None
    assert (await store.accept(a_checkout(5, key="k3"))).is_new
    assert not (await store.accept(a_checkout(6, key="k1"))).is_new


async def test_those_of_the_same_moment_are_each_found_once(lab: Lab, store: CheckoutStore) -> None:
    await asyncio.gather(*(store.accept(a_checkout(number)) for number in range(9)))
    await store.begun([an_id(number) for number in range(9)])
    found: list[Checkout] = []
    for _ in range(5):
        found += await store.accepted_before(FOREVER, 2, found[-1] if found else None)
    assert sorted(one.id for one in found) == sorted(an_id(number) for number in range(9))


async def _is_past(lab: Lab, moment: datetime) -> bool:
    return await lab.now() > moment
