"""Every record of payments keeps the same promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import product

import pytest

from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.domain.payments import Payment, PaymentStatus, follows
from pedidos_checkout.ports import PaymentBook
from pedidos_checkout.testing.in_memory_stores import InMemoryPaymentBook
from tests.contract.carts import an_id, checkout_lab
from tests.contract.lab import KINDS, Lab

NEW = Payment("pay_1", an_id(1), Decimal("5.00"), "EUR")


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with checkout_lab(request.param, request) as found:
        yield found


@pytest.fixture
def book(lab: Lab) -> PaymentBook:
    if lab.database is not None:
        return MongoPaymentBook(lab.database)
    assert lab.clock is not None
    return InMemoryPaymentBook(lab.clock)


async def test_a_payment_is_begun_once(lab: Lab, book: PaymentBook) -> None:
    before = await lab.now()
    begun = await book.begin(NEW)
    assert begun.created_at is not None
    assert before <= begun.created_at <= await lab.now()
    assert begun == replace(NEW, created_at=begun.created_at, updated_at=begun.created_at)
    await book.note("pay_1", PaymentStatus.AUTHORISED, "ch_1")
    again = await book.begin(replace(NEW, amount=Decimal("7.00")))
    assert (again.amount, again.status, again.provider_id) == (
        Decimal("5.00"),
        PaymentStatus.AUTHORISED,
        "ch_1",
    )
    assert again == await book.get("pay_1")


async def test_a_decline_is_noted_with_its_reason(book: PaymentBook) -> None:
    await book.begin(NEW)
    assert await book.note("pay_1", PaymentStatus.DECLINED, "ch_1", "$insufficient_funds")
    found = await book.get("pay_1")
    assert found is not None
    assert (found.status, found.provider_id, found.decline_code) == (
        PaymentStatus.DECLINED,
        "ch_1",
        "$insufficient_funds",
    )
    assert found.amount == NEW.amount


async def test_only_news_is_noted(book: PaymentBook) -> None:
    for known, told in product(PaymentStatus, PaymentStatus):
        payment = replace(NEW, id=f"{known}-{told}", status=known)
        await book.begin(payment)
        assert await book.note(payment.id, told) == follows(known, told)
        found = await book.get(payment.id)
        assert found is not None
        assert found.status is (told if follows(known, told) else known)


async def test_what_is_told_of_another_charge_is_not_noted(book: PaymentBook) -> None:
    await book.begin(NEW)
    assert await book.note("pay_1", PaymentStatus.AUTHORISED, "ch_1")
    assert not await book.note("pay_1", PaymentStatus.CAPTURED, "ch_2")
    assert await book.note("pay_1", PaymentStatus.CAPTURED, "ch_1")
    found = await book.get("pay_1")
    assert found is not None
    assert (found.status, found.provider_id) == (PaymentStatus.CAPTURED, "ch_1")


async def test_nothing_is_noted_of_an_unknown_one(book: PaymentBook) -> None:
    assert not await book.note("pay_1", PaymentStatus.CAPTURED)
    assert await book.get("pay_1") is None


async def test_payments_are_paged_by_id(book: PaymentBook) -> None:
    for number in (2, 1, 3):
        await book.begin(replace(NEW, id=f"pay_{number}"))
    first = await book.page(2, None)
    assert ([one.id for one in first.items], first.cursor) == (["pay_1", "pay_2"], "pay_2")
    rest = await book.page(2, first.cursor)
    assert ([one.id for one in rest.items], rest.cursor) == (["pay_3"], None)
    assert set(await book.among(["pay_3", "pay_9"])) == {"pay_3"}


async def test_payments_are_removed(book: PaymentBook) -> None:
    for number in (1, 2):
        await book.begin(replace(NEW, id=f"pay_{number}"))
    for _ in range(2):
        await book.remove(["pay_1", "pay_9"])
    assert set(await book.among(["pay_1", "pay_2"])) == {"pay_2"}


async def test_what_the_provider_does_not_list_is_found(lab: Lab, book: PaymentBook) -> None:
    for number, status in enumerate(PaymentStatus):
        begun = await book.begin(replace(NEW, id=f"pay_{number}", status=status))
        assert begun.created_at is not None
        await lab.until(partial(_is_past, lab, begun.created_at))
    held = [
        f"pay_{number}"
        for number, status in enumerate(PaymentStatus)
        if status in {PaymentStatus.AUTHORISED, PaymentStatus.CAPTURED}
    ]
    found = await book.not_listed(0, 9, None)
    assert ([one.id for one in found.items], found.cursor) == (held, None)
    first = await book.not_listed(0, 1, None)
    assert [one.id for one in first.items] == held[:1]
    rest = await book.not_listed(0, 1, first.cursor)
    assert ([one.id for one in rest.items], rest.cursor) == (held[1:], None)
    assert list((await book.not_listed(60, 9, None)).items) == []
    await book.listed([held[0], "pay_unknown"])
    await book.listed([])
    assert [one.id for one in (await book.not_listed(0, 9, None)).items] == held[1:]


async def _is_past(lab: Lab, moment: datetime) -> bool:
    return await lab.now() > moment
