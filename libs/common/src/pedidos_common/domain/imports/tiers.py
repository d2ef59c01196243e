"""The rule that gives customers their tiers where the file has none (SPEC O-14)."""

from __future__ import annotations

from pedidos_common.domain.orders import Tier

# in hundredths, so that 0.10 n is never off by a rounding error
UP_TO_PERCENT = ((Tier.DIAMANTE, 10), (Tier.OURO, 25), (Tier.PRATA, 50), (Tier.BRONZE, 100))


def tier_cuts(customers: int) -> list[tuple[Tier, int]]:
    """For each tier, highest first, how many of the best customers are in it or in a higher one.

    A customer at position p (from 0) of n is in the first tier whose share s has p < s·n, that
    is, in the first one whose cut is above p.
    """
    return [(tier, -(-percent * customers // 100)) for tier, percent in UP_TO_PERCENT]


def tier_at(position: int, customers: int) -> Tier:
    """The tier of the customer at `position` (from 0) of `customers`, by falling spend."""
    return next(tier for tier, cut in tier_cuts(customers) if position < cut)
