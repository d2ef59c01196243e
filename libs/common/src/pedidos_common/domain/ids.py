"""Ids of runs and orders: UUIDv8 (RFC 9562, section 5.8) that carry run and sequence.

An id is 82 bits that name the run, then 40 bits of sequence. The run's part begins with its
start in milliseconds, so ids of later runs sort behind earlier ones, and orders of a run sort
by sequence: a batch of orders is one contiguous range of ids. Sequence 0 is the run itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

MAX_SEQUENCE = (1 << 40) - 1
_SEQUENCE_BITS = 40
_VERSION_8 = 0x8 << 76
_VARIANT = 0x2 << 62


def new_run_id(started_ms: int, salt: int) -> UUID:
    """The id of a run that starts at `started_ms` (Unix milliseconds).

    `salt` is any random number; its low 34 bits keep apart runs of the same millisecond.
    """
    high = (started_ms & ((1 << 48) - 1)) << 80
    middle = (salt & 0xFFF) << 64
    low = ((salt >> 12) & ((1 << 22) - 1)) << _SEQUENCE_BITS
    return UUID(int=high | _VERSION_8 | middle | _VARIANT | low)


def order_id(run_id: UUID, sequence: int) -> UUID:
    """The id of the order with this sequence (1 … 2**40-1) in the run."""
    if not 0 <= sequence <= MAX_SEQUENCE:
        raise ValueError(f"sequence {sequence} is outside 0..{MAX_SEQUENCE}")
    return UUID(int=run_id.int | sequence)


def run_of(order: UUID) -> UUID:
    """The run that an order belongs to, read from its id alone."""
    return UUID(int=order.int & ~MAX_SEQUENCE)


def sequence_of(order: UUID) -> int:
    """The order's place in its run, from 1."""
    return order.int & MAX_SEQUENCE


@dataclass(frozen=True, slots=True)
class OrderRange:
    """Orders `first` to `last` of a run, both included."""

    run_id: UUID
    first: int
    last: int

    @property
    def low(self) -> UUID:
        """The lowest id of the range."""
        return order_id(self.run_id, self.first)

    @property
    def high(self) -> UUID:
        """The highest id of the range."""
        return order_id(self.run_id, self.last)

    def __len__(self) -> int:
        return max(0, self.last - self.first + 1)

    def split(self, parts: int) -> list[OrderRange]:
        """At most `parts` ranges of nearly equal size that cover this one."""
        size = -(-len(self) // max(1, parts))
        return [
            OrderRange(self.run_id, start, min(start + size - 1, self.last))
            for start in range(self.first, self.last + 1, max(1, size))
        ]


def whole_run(run_id: UUID) -> OrderRange:
    """The range of every order that a run could have."""
    return OrderRange(run_id, 1, MAX_SEQUENCE)
