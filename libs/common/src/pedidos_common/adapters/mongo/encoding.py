"""Orders as BSON, put together from ready pieces.

Encoding a dictionary costs several microseconds an order; joining pieces that were encoded once
(a piece for each name and each amount of the tables, a tail for each tier and chunk) costs one.
Tests hold the bytes equal to what `bson.encode` makes of the same fields, in the order
of docs/data-model.md.
"""

from __future__ import annotations

import struct
from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from pedidos_common.domain.generation import TIERS, DrawnOrders
from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.orders import OrderStatus, Tier, priority_of
from pedidos_common.ports import ImportRow

_SEQUENCE_BYTES = 5
_ID_HEAD = b"\x05_id\x00" + struct.pack("<iB", 16, 4)  # 16 bytes of binary subtype 4
_ID_BYTES = 16
_FRAME_BYTES = 5  # a document's length in front of it, and the zero byte behind
_END = b"\x00"
_EXPONENT_MINUS_2 = (6176 - 2) << 49
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    uuid_representation=UuidRepresentation.STANDARD, tz_aware=True
)


class EncodedDocument(RawBSONDocument):
    """A document that was put together here; the driver sends `raw` as it is.

    The driver's own class checks and keeps three things a document, which costs as much as
    putting it together; here its bytes are known to be whole, and are rarely read again.
    """

    __slots__ = ("raw",)
    raw: bytes
    __hash__ = None

    def __init__(self, raw: bytes) -> None:  # the base would check what is known
        self.raw = raw

    def _decoded(self) -> dict[str, Any]:
        return bson.decode(self.raw, _OPTIONS)

    def __getitem__(self, name: str) -> Any:
        return self._decoded()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def items(self) -> ItemsView[str, Any]:
        """The fields, decoded."""
        return self._decoded().items()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawBSONDocument) and bool(self.raw == other.raw)

    def __repr__(self) -> str:
        return f"EncodedDocument({self.raw!r})"


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """`ports.EncodedOrders`, with the documents that are to be written as they are."""

    range: OrderRange
    vip: int
    documents: Sequence[EncodedDocument]


class BsonOrderEncoder:
    """Encodes simulated and imported orders.

    `names` and `amounts_cents` are the tables that a `DrawnOrders` points into.
    """

    def __init__(self, names: Sequence[str], amounts_cents: Sequence[int]) -> None:
        self._names = [string_field("cliente", name) for name in names]
        self._lengths = [len(piece) for piece in self._names]
        self._different_lengths = frozenset(self._lengths)
        self._amounts = [amount_field(cents) for cents in amounts_cents]

    def drawn(
        self, orders: OrderRange, drawn: DrawnOrders, created_at: datetime
    ) -> list[EncodedDocument]:
        """The documents of simulated orders; `orders` are the ids of exactly these."""
        names, lengths, amounts = self._names, self._lengths, self._amounts
        tails = [_tail(tier, created_at) + _END for tier in TIERS]
        heads = [self._heads(orders, len(tail)) for tail in tails]
        join = b"".join
        return [
            EncodedDocument(
                join(
                    (
                        heads[tier][lengths[name]],
                        sequence.to_bytes(_SEQUENCE_BYTES, "big"),
                        names[name],
                        amounts[amount],
                        tails[tier],
                    )
                )
            )
            for tier, name, amount, sequence in zip(
                drawn.tiers,
                drawn.names,
                drawn.amounts,
                range(orders.first, orders.last + 1),
                strict=True,
            )
        ]

    def _heads(self, orders: OrderRange, tail: int) -> dict[int, bytes]:
        """For each length of a name's piece: a document up to the run's part of its id."""
        rest = tail + len(self._amounts[0])
        return {length: _head(orders, length + rest) for length in self._different_lengths}

    def imported(
        self, orders: OrderRange, rows: Sequence[ImportRow], created_at: datetime
    ) -> list[EncodedDocument]:
        """The documents of imported orders; `orders` are the ids of exactly these.

        Raises:
            ValueError: when a row has no tier.
        """
        tails = {tier.value: _tail(tier, created_at) for tier in Tier}
        sequences = range(orders.first, orders.last + 1)
        return [
            _imported(orders, sequence, row, tails)
            for sequence, row in zip(sequences, rows, strict=True)
        ]

    def chunk(
        self, orders: OrderRange, vip: int, documents: Sequence[EncodedDocument]
    ) -> EncodedChunk:
        """The whole chunk, as an order store takes it."""
        return EncodedChunk(orders, vip, documents)


def string_field(name: str, value: str) -> bytes:
    """A BSON element that holds a text."""
    text = value.encode()
    return b"\x02%b\x00%b%b\x00" % (name.encode(), struct.pack("<i", len(text) + 1), text)


def amount_field(cents: int) -> bytes:
    """The element `valor`: a Decimal128 with exponent -2."""
    return b"\x13valor\x00" + struct.pack("<QQ", cents, _EXPONENT_MINUS_2)


def _tail(tier: Tier, created_at: datetime) -> bytes:
    """What all orders of a chunk and tier have in common."""
    return _elements(
        {
            "tier": tier.value,
            "priority": priority_of(tier).value,
            "observacoes": "",
            "status": OrderStatus.PENDENTE.value,
            "createdAt": created_at,
        }
    )


def _elements(fields: Mapping[str, Any]) -> bytes:
    return bson.encode(fields)[4:-1]


def _head(orders: OrderRange, rest: int) -> bytes:
    """A document's beginning, up to its sequence; `rest` bytes follow behind its id."""
    size = _FRAME_BYTES - len(_END) + len(_ID_HEAD) + _ID_BYTES + rest
    return struct.pack("<i", size) + _ID_HEAD + orders.run_id.bytes[:-_SEQUENCE_BYTES]


def _imported(
    orders: OrderRange, sequence: int, row: ImportRow, tails: Mapping[str, bytes]
) -> EncodedDocument:
    if row.tier is None:
        raise ValueError(f"line {row.line} of the import has no tier")
    pieces = (
        string_field("cliente", row.cliente),
        amount_field(row.valor_cents),
        tails[row.tier],
        _extras(row),
        _END,
    )
    rest = b"".join(pieces)
    head = _head(orders, len(rest))
    return EncodedDocument(head + sequence.to_bytes(_SEQUENCE_BYTES, "big") + rest)


def _extras(row: ImportRow) -> bytes:
    fields: dict[str, Any] = {}
    if row.external_id is not None:
        fields["externalId"] = row.external_id
    if row.ordered_at is not None:
        fields["orderedAt"] = row.ordered_at
    if row.quantidade is not None:
        fields["quantidade"] = row.quantidade
    return _elements(fields) if fields else b""
