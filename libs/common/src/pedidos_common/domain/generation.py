"""Simulated orders: which customer, what amount, which tier, from a seed.

Every order's fields are read from a stream of bytes that depends on the generator's version,
the seed and the order's place in the run, and on nothing else: neither the chunk size, nor the
Python release, nor the machine. SHAKE-128 gives that stream, because `random` promises to
repeat only part of what it does from one release to the next. Whoever changes what comes out
raises `GENERATOR_VERSION`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import shake_128
from itertools import compress
from statistics import NormalDist

from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.orders import Tier

GENERATOR_VERSION = 1
TIERS: tuple[Tier, ...] = (Tier.DIAMANTE, Tier.OURO, Tier.PRATA, Tier.BRONZE)
WEIGHTS_PERCENT = (10, 15, 25, 50)
TABLE_SIZE = 1 << 16
MEDIAN_CENTS = 12_990
SIGMA = 0.85

_BLOCK = 1_000
_FIELDS = 3
_VIP = b"\x01\x00\x00\x00" + bytes(252)
_REST = b"\x00\x01\x01\x01" + bytes(252)


class UnknownGeneratorVersion(PedidosError):
    """A plan asks for a version of the generator that this release does not have."""


@dataclass(frozen=True, slots=True)
class DrawnOrders:
    """Orders of one chunk as places in tables, VIP ones first, otherwise as drawn.

    `tiers` are places in `TIERS`; `names` and `amounts` are places in tables of `TABLE_SIZE`.
    The three have the same length.
    """

    tiers: bytes
    names: Sequence[int]
    amounts: Sequence[int]

    @property
    def vip(self) -> int:
        """How many of them are VIP."""
        return self.tiers.count(0)

    def __len__(self) -> int:
        return len(self.tiers)

    def part(self, start: int, stop: int) -> DrawnOrders:
        """Those from place `start` (from 0) up to, not including, `stop`."""
        return DrawnOrders(self.tiers[start:stop], self.names[start:stop], self.amounts[start:stop])


class OrderDraw:
    """Draws the orders of chunks, for every generator version that this release has."""

    def __init__(self) -> None:
        self._tier_of = _tier_table()

    def draw(self, version: int, seed: int, first: int, last: int) -> DrawnOrders:
        """Orders `first` to `last` (sequences of a run, from 1, both included).

        Raises:
            UnknownGeneratorVersion: when this release can't draw that version.
        """
        if version != GENERATOR_VERSION:
            raise UnknownGeneratorVersion(
                f"the run was planned with generator version {version}, this release has"
                f" {GENERATOR_VERSION}: let a generator of the run's release finish it"
            )
        drawn = _stream(version, seed, first, last)
        tiers = bytes(map(self._tier_of.__getitem__, drawn[0::_FIELDS]))
        vip, rest = tiers.translate(_VIP), tiers.translate(_REST)
        return DrawnOrders(
            bytes(_partition(tiers, vip, rest)),
            _partition(drawn[1::_FIELDS], vip, rest),
            _partition(drawn[2::_FIELDS], vip, rest),
        )


def _stream(version: int, seed: int, first: int, last: int) -> Sequence[int]:
    """Three 16-bit numbers for each order: tier, name, amount."""
    low, high = (first - 1) // _BLOCK, (last - 1) // _BLOCK
    raw = b"".join(
        shake_128(b"pedidos:%d:%d:%d" % (version, seed, block)).digest(2 * _FIELDS * _BLOCK)
        for block in range(low, high + 1)
    )
    start = first - 1 - low * _BLOCK
    count = last - first + 1
    return struct.unpack_from(f"<{_FIELDS * count}H", raw, 2 * _FIELDS * start)


def _partition(values: Iterable[int], vip: bytes, rest: bytes) -> list[int]:
    held = tuple(values)
    return [*compress(held, vip), *compress(held, rest)]


def _tier_table() -> bytes:
    """For each 16-bit number the tier that it draws; the weights are exact to 1 in 65,536."""
    table = bytearray()
    bound = 0
    for code, weight in enumerate(WEIGHTS_PERCENT):
        bound += weight
        table += bytes([code]) * (math.ceil(TABLE_SIZE * bound / 100) - len(table))
    return bytes(table)


def amount_table() -> list[int]:
    """`TABLE_SIZE` amounts in cents, rising: quantiles of a lognormal distribution."""
    quantile = NormalDist(math.log(MEDIAN_CENTS), SIGMA).inv_cdf
    return [round(math.exp(quantile((i + 0.5) / TABLE_SIZE))) for i in range(TABLE_SIZE)]


def name_table(given: Sequence[str], surnames: Sequence[str]) -> list[str]:
    """`TABLE_SIZE` different full names; both lists are powers of two long, 512 or so.

    Raises:
        ValueError: when there are not names enough for that many different pairs.
    """
    if len(given) * len(surnames) < TABLE_SIZE:
        raise ValueError(f"{len(given)} x {len(surnames)} names make fewer than {TABLE_SIZE}")
    return [
        f"{given[i % len(given)]} {surnames[_surname(i, len(given), len(surnames))]}"
        for i in range(TABLE_SIZE)
    ]


def _surname(place: int, given: int, surnames: int) -> int:
    """Spread the surnames, so that each given name meets different ones."""
    return (place // given + 31 * (place % given)) % surnames
