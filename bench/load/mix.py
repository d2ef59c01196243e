"""A realistic mix of checkouts, the same for the same seed. Needs nothing but Python itself.

Products are asked for as in shops: few of them often, most of them seldom. The shares of customers
who are VIPs, whose card is declined, or who are asked for more by their bank, are ours.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

TIERS = ("BRONZE", "PRATA", "OURO")
FEWEST_WORDS = ("Ana", "Bruno", "Carla", "Diego", "Elisa", "Fabio", "Gilda", "Heitor")


@dataclass(frozen=True, slots=True)
class Shares:
    """Of all arrivals: each between 0 and 1.

    `vip` are customers of the first rank. Of the payments, `declined`, `asks_more` (which comes
    about a while later), `leaves` (which never does) and `taken_back` (declined when the money is
    to be taken) are each theirs. `again` comes a second time under its idempotency key, `wrong`
    has a product that nobody knows.
    """

    vip: float = 0.25
    declined: float = 0.05
    asks_more: float = 0.03
    leaves: float = 0.0
    taken_back: float = 0.01
    again: float = 0.02
    wrong: float = 0.01
    phone: float = 0.5
    discount: float = 0.1


@dataclass(frozen=True, slots=True)
class Arrival:
    """One checkout to be sent: its key and body, and which answer is right."""

    key: str
    body: Mapping[str, Any]
    is_vip: bool
    right: int = 202
    again: bool = False


def arrivals(
    skus: Sequence[str], shares: Shares, seed: int, prefix: str, discount: str | None = None
) -> Iterator[Arrival]:
    """Checkouts without an end; their keys begin with `prefix`."""
    chance = random.Random(seed)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(skus) + 1)))
    for number in itertools.count():
        arrival = _arrival(chance, skus, weights, shares, f"{prefix}-{number}", discount)
        yield arrival
        if arrival.right == 202 and chance.random() < shares.again:
            yield replace(arrival, again=True)


def _arrival(
    chance: random.Random,
    skus: Sequence[str],
    weights: Sequence[float],
    shares: Shares,
    key: str,
    discount: str | None,
) -> Arrival:
    is_vip = chance.random() < shares.vip
    lines = chance.choices((1, 2, 3, 4), (50, 30, 15, 5))[0]
    chosen = dict.fromkeys(chance.choices(skus, cum_weights=weights, k=lines))
    items = [{"productId": sku, "quantity": chance.choice((1, 1, 1, 2, 3))} for sku in chosen]
    is_wrong = chance.random() < shares.wrong
    if is_wrong:
        items.append({"productId": "no-such-product", "quantity": 1})
    body: dict[str, Any] = {
        "customer": _customer(chance, is_vip, shares),
        "items": items,
        "payment": {"method": _method(chance, shares)},
    }
    if discount is not None and chance.random() < shares.discount:
        body["discountCode"] = discount
    return Arrival(key, body, is_vip, 422 if is_wrong else 202)


def _customer(chance: random.Random, is_vip: bool, shares: Shares) -> dict[str, Any]:
    number = chance.randrange(100_000)
    name = f"{chance.choice(FEWEST_WORDS)} {number}"
    customer: dict[str, Any] = {
        "id": f"c-{number}",
        "name": name,
        "email": f"c{number}@shop.example",
        "tier": "DIAMANTE" if is_vip else chance.choice(TIERS),
    }
    if chance.random() < shares.phone:
        customer["phone"] = f"+3519{chance.randrange(10_000_000, 99_999_999)}"
    return customer


def _method(chance: random.Random, shares: Shares) -> str:
    others = (
        ("tok_declined", shares.declined),
        ("tok_action", shares.asks_more),
        ("tok_leaves", shares.leaves),
        ("tok_capture_declined", shares.taken_back),
    )
    drawn = chance.random()
    for token, share in others:
        drawn -= share
        if drawn < 0:
            return token
    return "tok_ok"
