"""Assembled bytes are those that `bson` makes of the same fields."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import bson
import pytest
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128
from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_common.adapters.mongo.encoding import BsonOrderEncoder, amount_field
from pedidos_common.domain.generation import TABLE_SIZE, TIERS, OrderDraw, amount_table
from pedidos_common.domain.ids import MAX_SEQUENCE, OrderRange, new_run_id, order_id
from pedidos_common.domain.orders import Tier, priority_of
from pedidos_common.ports import ImportRow
from pedidos_generator.names import customer_names

RUN = new_run_id(1_764_000_000_123, 987_654_321)
CREATED = datetime(2026, 3, 4, 5, 6, 7, 891_234, tzinfo=UTC)
OPTIONS: CodecOptions[dict[str, object]] = CodecOptions(
    uuid_representation=UuidRepresentation.STANDARD, tz_aware=True
)


def _plain(order: UUID, cliente: str, cents: int, tier: Tier, **extras: object) -> bytes:
    document = {
        "_id": order,
        "cliente": cliente,
        "valor": Decimal128(Decimal(cents).scaleb(-2)),
        "tier": str(tier),
        "priority": str(priority_of(tier)),
        "observacoes": "",
        "status": "pendente",
        "createdAt": CREATED,
        **extras,
    }
    return bson.encode(document, codec_options=OPTIONS)


@pytest.fixture(scope="module")
def encoder() -> BsonOrderEncoder:
    return BsonOrderEncoder(customer_names(), amount_table())


def test_drawn_orders_are_the_bytes_of_plain_encoding(encoder: BsonOrderEncoder) -> None:
    names, amounts = customer_names(), amount_table()
    drawn = OrderDraw().draw(1, 5, 2_001, 3_000)
    documents = encoder.drawn(OrderRange(RUN, 2_001, 3_000), drawn, CREATED)
    expected = [
        _plain(order_id(RUN, sequence), names[name], amounts[amount], TIERS[tier])
        for sequence, tier, name, amount in zip(
            range(2_001, 3_001), drawn.tiers, drawn.names, drawn.amounts, strict=True
        )
    ]
    assert [document.raw for document in documents] == expected
    assert Counter(document["priority"] for document in documents)["VIP"] == drawn.vip


def test_a_slice_is_the_bytes_of_its_place_in_the_whole(encoder: BsonOrderEncoder) -> None:
    drawn = OrderDraw().draw(1, 5, 1, 100)
    whole = encoder.drawn(OrderRange(RUN, 1, 100), drawn, CREATED)
    part = encoder.drawn(OrderRange(RUN, 41, 60), drawn.part(40, 60), CREATED)
    assert part == whole[40:60]


def test_another_number_of_orders_than_ids_is_refused(encoder: BsonOrderEncoder) -> None:
    drawn = OrderDraw().draw(1, 5, 1, 100)
    with pytest.raises(ValueError, match="zip"):
        encoder.drawn(OrderRange(RUN, 1, 99), drawn, CREATED)


def test_the_highest_sequence_fits(encoder: BsonOrderEncoder) -> None:
    drawn = OrderDraw().draw(1, 5, 1, 1)
    documents = encoder.drawn(OrderRange(RUN, MAX_SEQUENCE, MAX_SEQUENCE), drawn, CREATED)
    assert documents[0]["_id"] == order_id(RUN, MAX_SEQUENCE)


@pytest.mark.parametrize("cents", [0, 1, 99, 100, 12_345, 10**14, 2**63])
def test_an_amount_is_a_decimal_with_two_places(cents: int) -> None:
    expected = bson.encode({"valor": Decimal128(Decimal(cents).scaleb(-2))})
    assert amount_field(cents) == expected[4:-1]


rows = st.builds(
    ImportRow,
    line=st.integers(1, 10**6),
    cliente=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    valor_cents=st.integers(0, 10**14),
    tier=st.sampled_from([str(tier) for tier in Tier]),
    external_id=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    ordered_at=st.none()
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3))])),
    quantidade=st.none() | st.integers(0, 10**9),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(rows, max_size=5))
def test_imported_orders_are_the_bytes_of_plain_encoding(held: list[ImportRow]) -> None:
    encoder = BsonOrderEncoder(["Ana Lima"], [1])
    documents = encoder.imported(OrderRange(RUN, 11, 10 + len(held)), held, CREATED)
    expected = []
    for sequence, row in enumerate(held, 11):
        extras = {
            "externalId": row.external_id,
            "orderedAt": row.ordered_at,
            "quantidade": row.quantidade,
        }
        kept = {name: value for name, value in extras.items() if value is not None}
        expected.append(
            _plain(
                order_id(RUN, sequence), row.cliente, row.valor_cents, Tier(row.tier or ""), **kept
            )
        )
    assert [document.raw for document in documents] == expected


def test_a_row_without_a_tier_is_refused() -> None:
    row = ImportRow(line=7, cliente="Ana", valor_cents=1)
    with pytest.raises(ValueError, match="line 7"):
        BsonOrderEncoder(["Ana Lima"], [1]).imported(OrderRange(RUN, 1, 1), [row], CREATED)


def test_a_document_reads_like_a_mapping(encoder: BsonOrderEncoder) -> None:
    drawn = OrderDraw().draw(1, 5, 1, 2)
    one, two = encoder.drawn(OrderRange(RUN, 1, 2), drawn, CREATED)
    assert one != two
    assert dict(one.items()) == dict(one) == bson.decode(one.raw, OPTIONS)
    assert len(one) == 8
    assert repr(one).startswith("EncodedDocument(b'")


def test_a_chunk_says_what_it_holds(encoder: BsonOrderEncoder) -> None:
    drawn = OrderDraw().draw(1, 5, 1, TABLE_SIZE // 1_000)
    orders = OrderRange(RUN, 1, len(drawn))
    chunk = encoder.chunk(orders, drawn.vip, encoder.drawn(orders, drawn, CREATED))
    assert (chunk.range, chunk.vip, len(chunk.documents)) == (orders, drawn.vip, len(drawn))
    assert replace(chunk, vip=0).vip == 0
