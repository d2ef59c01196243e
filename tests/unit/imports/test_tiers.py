"""The tier rule of O-14."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pedidos_common.domain.imports import tier_at, tier_cuts
from pedidos_common.domain.orders import Tier


def by_the_words(position: int, customers: int) -> Tier:
    """p < 0.10 n DIAMANTE, < 0.25 n OURO, < 0.50 n PRATA, else BRONZE."""
    for tier, share in ((Tier.DIAMANTE, 10), (Tier.OURO, 25), (Tier.PRATA, 50)):
        if position < Fraction(share, 100) * customers:
            return tier
    return Tier.BRONZE


@pytest.mark.parametrize("customers", [1, 2, 3, 4, 5, 9, 10, 11, 20, 39, 40, 41, 100, 2_357])
def test_every_position_of_every_size(customers: int) -> None:
    found = [tier_at(position, customers) for position in range(customers)]
    assert found == [by_the_words(position, customers) for position in range(customers)]


def test_cuts_of_ten_customers() -> None:
    assert [cut for _, cut in tier_cuts(10)] == [1, 3, 5, 10]
