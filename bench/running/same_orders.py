"""The same documents as the generator's, from its own builder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bson.raw_bson import RawBSONDocument

from pedidos_common.adapters.mongo.encoding import BsonOrderEncoder
from pedidos_common.domain.generation import OrderDraw, amount_table
from pedidos_common.domain.ids import OrderRange
from pedidos_generator.names import customer_names


class OrderSource:
    """Draws and encodes chunks of one seed."""

    def __init__(self, seed: int, generator_version: int) -> None:
        self._seed, self._version = seed, generator_version
        self._draw = OrderDraw()
        self._encoder = BsonOrderEncoder(customer_names(), amount_table())

    def build(
        self, chunk: OrderRange, created_at: datetime
    ) -> tuple[int, Sequence[RawBSONDocument]]:
        """How many VIP orders the chunk has, and its documents."""
        drawn = self._draw.draw(self._version, self._seed, chunk.first, chunk.last)
        return drawn.vip, self._encoder.drawn(chunk, drawn, created_at)
