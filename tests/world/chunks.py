"""Orders as a small world's generator writes them, for a store in memory and for MongoDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128
from bson.raw_bson import RawBSONDocument

from pedidos_common.domain.ids import OrderRange, order_id
from pedidos_common.domain.jobs import Job
from pedidos_common.domain.orders import Order, Tier, priority_of
from pedidos_common.testing.in_memory_orders import PlainChunk

STANDARD: CodecOptions[RawBSONDocument] = CodecOptions(
    RawBSONDocument, uuid_representation=UuidRepresentation.STANDARD
)


@dataclass(frozen=True)
class Chunk(PlainChunk):
    """Orders as both stores take them."""

    @property
    def documents(self) -> list[RawBSONDocument]:
        """As MongoDB takes them."""
        return [_document(order) for order in self.orders]


def _document(order: Order) -> RawBSONDocument:
    extra = {"externalId": order.external_id} if order.external_id else {}
    fields = {
        "_id": order.id,
        "cliente": order.cliente,
        "valor": Decimal128(order.valor),
        "tier": order.tier.value,
        "priority": order.priority.value,
        "observacoes": "",
        "status": "pendente",
        "createdAt": order.created_at,
        **extra,
    }
    return RawBSONDocument(bson.encode(fields, codec_options=STANDARD), STANDARD)


def an_order(run_id: UUID, number: int, tier: Tier, created_at: datetime) -> Order:
    """One order of a run."""
    return Order(
        id=order_id(run_id, number),
        cliente=f"cliente {number}",
        valor=Decimal("12.30"),
        tier=tier,
        priority=priority_of(tier),
        created_at=created_at,
    )


def chunk_of(job: Job, vip_share: float, created_at: datetime) -> Chunk:
    """The orders of a chunk job, VIP ones first."""
    first, last = job.payload["first"], job.payload["last"]
    vip = round(vip_share * (last - first + 1))
    run_id = UUID(job.payload["runId"])
    orders = [
        an_order(run_id, number, Tier.DIAMANTE if number < first + vip else Tier.OURO, created_at)
        for number in range(first, last + 1)
    ]
    return Chunk(OrderRange(run_id, first, last), orders)
