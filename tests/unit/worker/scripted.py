"""An order handler that does as a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pedidos_common.domain.ids import sequence_of
from pedidos_common.domain.orders import Order
from pedidos_worker.handlers import Answer


@dataclass
class Scripted:
    """Answers by the order's sequence, and notes which orders it was given together."""

    answer_of: Callable[[int], Answer] = lambda _sequence: None
    slice_size: int = 6
    name: str = "scripted"
    given: list[list[int]] = field(default_factory=list)

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        self.given.append([sequence_of(order.id) for order in orders])
        return [self.answer_of(sequence_of(order.id)) for order in orders]
