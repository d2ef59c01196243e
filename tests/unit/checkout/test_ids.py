"""Ids and numbers of checkouts, payments and orders."""

from __future__ import annotations

import re

import pytest

from pedidos_checkout.domain.checkouts import checkout_id, is_checkout
from pedidos_checkout.domain.placed_orders import order_id_of, order_number
from pedidos_checkout.ids import new_checkout_id


def test_a_checkouts_id_is_its_128_bits_in_lower_case_base32() -> None:
    assert checkout_id(bytes(16)) == "co_" + "a" * 26
    assert checkout_id(b"\xff" * 16) == "co_" + "7" * 25 + "4"
    with pytest.raises(ValueError, match="16 random bytes, not of 3"):
        checkout_id(b"abc")


def test_new_ids_differ_and_have_their_form() -> None:
    ids = {new_checkout_id() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(re.fullmatch("co_[a-z2-7]{26}", one) and is_checkout(one) for one in ids)


def test_an_orders_id_and_number_follow_from_its_checkout() -> None:
    one = checkout_id(bytes(16))
    assert order_id_of(one) == "ord_" + "a" * 26
    assert order_number(one) == order_number(one)
    assert re.fullmatch("PD-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", order_number(one))


def test_numbers_of_many_orders_and_attempts_differ() -> None:
    ids = [checkout_id(n.to_bytes(16, "big")) for n in range(500)]
    assert len({order_number(one, attempt) for one in ids for attempt in (0, 1)}) == 1_000
