"""The draw of simulated orders: what a seed means never changes."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

import pytest

from pedidos_common.domain.generation import (
    GENERATOR_VERSION,
    TABLE_SIZE,
    TIERS,
    WEIGHTS_PERCENT,
    DrawnOrders,
    OrderDraw,
    UnknownGeneratorVersion,
    amount_table,
    name_table,
)
from pedidos_generator.names import customer_names

# Changing what comes out breaks "the same seed gives the same orders": raise GENERATOR_VERSION.
DRAW_DIGEST = "82950847d00c02d9644ffe794bdeb4a314801d5b991cc1a2290b7c4b6b036415"
NAMES_DIGEST = "206999f5821f1d24cc569de51213c9350ef3d364229d6f6742445e8be77abd5d"
AMOUNTS_DIGEST = "5c19de58a7ec26c79c993bf078f3398de73d00a0270c7a4397f8eeccfeb8e08d"


@pytest.fixture(scope="module")
def order_draw() -> OrderDraw:
    return OrderDraw()


def _fields(drawn: DrawnOrders) -> list[tuple[int, int, int]]:
    return list(zip(drawn.tiers, drawn.names, drawn.amounts, strict=True))


def test_version_1_draws_what_it_always_drew(order_draw: OrderDraw) -> None:
    drawn = order_draw.draw(GENERATOR_VERSION, 42, 1, 10_000)
    assert sha256(repr(_fields(drawn)).encode()).hexdigest() == DRAW_DIGEST


def test_tables_of_version_1_stay_as_they_are() -> None:
    assert sha256("\n".join(customer_names()).encode()).hexdigest() == NAMES_DIGEST
    assert sha256(repr(amount_table()).encode()).hexdigest() == AMOUNTS_DIGEST


def test_another_seed_draws_other_orders(order_draw: OrderDraw) -> None:
    first, second = (order_draw.draw(GENERATOR_VERSION, seed, 1, 100) for seed in (1, 2))
    assert _fields(first) != _fields(second)


@pytest.mark.parametrize("chunk_size", [1, 7, 999, 1_000, 1_001, 2_500])
def test_chunk_size_does_not_change_which_orders_there_are(
    order_draw: OrderDraw, chunk_size: int
) -> None:
    whole = order_draw.draw(GENERATOR_VERSION, 7, 1, 2_500)
    parts: Counter[tuple[int, int, int]] = Counter()
    for first in range(1, 2_501, chunk_size):
        last = min(first + chunk_size - 1, 2_500)
        parts.update(_fields(order_draw.draw(GENERATOR_VERSION, 7, first, last)))
    assert parts == Counter(_fields(whole))


def test_vip_orders_come_first_and_are_diamante(order_draw: OrderDraw) -> None:
    drawn = order_draw.draw(GENERATOR_VERSION, 3, 5_001, 9_000)
    tiers = [TIERS[code] for code in drawn.tiers]
    assert len(drawn) == 4_000
    assert set(tiers[: drawn.vip]) == {"DIAMANTE"}
    assert "DIAMANTE" not in tiers[drawn.vip :]


def test_tiers_follow_their_weights(order_draw: OrderDraw) -> None:
    counts = Counter(order_draw.draw(GENERATOR_VERSION, 11, 1, 200_000).tiers)
    for code, percent in enumerate(WEIGHTS_PERCENT):
        assert counts[code] / 2_000 == pytest.approx(percent, abs=0.5)


def test_a_part_is_a_stretch_of_the_whole(order_draw: OrderDraw) -> None:
    drawn = order_draw.draw(GENERATOR_VERSION, 1, 1, 50)
    assert _fields(drawn.part(10, 20)) == _fields(drawn)[10:20]


def test_an_unknown_version_is_refused(order_draw: OrderDraw) -> None:
    with pytest.raises(UnknownGeneratorVersion, match="version 99"):
        order_draw.draw(99, 1, 1, 10)


def test_names_are_full_names_and_all_different() -> None:
    names = customer_names()
    assert len(set(names)) == TABLE_SIZE
    assert all(len(name.split()) == 2 for name in names)


def test_too_few_names_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than"):
        name_table(["Ana"], ["Lima"])


def test_amounts_look_like_a_shop() -> None:
    amounts = amount_table()
    assert amounts == sorted(amounts)
    assert 100 < amounts[0] < 1_000
    assert amounts[TABLE_SIZE // 2] / 100 == pytest.approx(129.90, abs=0.01)
    assert 400_000 < amounts[-1] < 1_000_000
    assert sum(cents % 100 != 0 for cents in amounts) > 0.9 * TABLE_SIZE
