"""Order handlers of a small world: one that answers by a script, one that kills its process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pedidos_common.domain.ids import sequence_of
from pedidos_common.domain.orders import Order
from pedidos_worker.handlers import Answer


async def at_once() -> None:
    """Holds nobody up."""


@dataclass
class Scripted:
    """A handler that answers by a function of the order's sequence, a few orders at a time.

    `waits` is awaited between a call and its answers.
    """

    answer_of: Callable[[int], Answer] = lambda _sequence: None
    waits: Callable[[], Awaitable[None]] = at_once
    name: str = "scripted"
    slice_size: int = 3

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        answers = [self.answer_of(sequence_of(order.id)) for order in orders]
        await self.waits()
        return answers


@dataclass
class Deadly:
    """A handler whose process dies of some orders; `die` is called in the middle of a batch."""

    deadly: frozenset[int]
    die: Callable[[], None]
    name: str = "deadly"
    slice_size: int = 3

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        if self.deadly & {sequence_of(order.id) for order in orders}:
            self.die()
            await asyncio.Event().wait()
        return [None] * len(orders)
